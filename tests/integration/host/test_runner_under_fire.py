"""Links and runners are killed at moments nobody chose; what is said afterwards is true."""

import os
import random
import signal
import time
import zlib
from typing import Any

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient

from farhand_agent.host.wire import Kind, Phase

_CHATTY = """
import os, random, sys, zlib
chance = random.Random(1)
crc = 0
for _ in range(400):
    data = chance.randbytes(chance.choice([1, 40, 3000, 70000]))
    crc = zlib.crc32(data, crc)
    while data:
        data = data[os.write(1, data):]
os.write(2, str(crc).encode())
"""


@pytest.mark.parametrize("seed", range(3))
def test_no_byte_is_lost_or_doubled_by_links_that_come_and_go(host: HostProcess, seed: int) -> None:
    chance = random.Random(seed)
    client = host.spare()
    job_id = client.start(_CHATTY, type="python")
    seen = Outcome()
    while True:
        enough = len(seen.data) + chance.randint(0, 600_000)
        client.take(seen, until=lambda seen: len(seen.data) >= enough)  # noqa: B023
        if seen.exited is not None:
            break
        if chance.random() < 0.5:
            client.send(Kind.FREE, durable=chance.randint(0, len(seen.data)))
        client.close()
        client = host.dial(job_id)
        client.send(Kind.READ, offset=len(seen.data), credit=chance.randint(70_000, 300_000))

    assert zlib.crc32(seen.output) == int(seen.error)
    assert seen.exited["crc"] == zlib.crc32(seen.data)


def successor(host: HostProcess, job_id: str) -> tuple[RunnerClient, dict[str, Any]]:
    """Whoever serves the attempt after its runner was killed, and what it says. A script that is
    being executed at that moment still holds the dead runner's socket: nobody answers there."""
    while True:
        client = host.dial(job_id)
        client.send(Kind.WHAT)
        if (message := client.hear()) is not None:
            return client, message.fields


@pytest.mark.parametrize("seed", range(15))
def test_void_is_said_only_of_what_never_ran(host: HostProcess, seed: int) -> None:
    chance = random.Random(seed)
    client = host.spare()
    client.state()
    mark = host.state / "ran"
    runner = host.runner(host.socket_of(client))
    job_id = client.start(f"echo ran > {mark}; exit 5")
    time.sleep(chance.random() * 0.004)  # the moment is the point of the test
    os.kill(runner, signal.SIGKILL)
    while client.hear() is not None:
        pass
    known = host.home(job_id).exists()
    if not known:
        assert not mark.exists()
        return
    again, state = successor(host, job_id)
    if state["phase"] == Phase.VOID:
        assert not mark.exists()
        return
    again.send(Kind.READ, offset=0, credit=1 << 20)
    outcome = again.take(Outcome())

    assert state["phase"] == Phase.EXITED
    assert outcome.exited is not None
    if outcome.code is not None:
        assert (outcome.code, mark.exists()) == (5, True)
    else:
        assert outcome.exited["reason"]
