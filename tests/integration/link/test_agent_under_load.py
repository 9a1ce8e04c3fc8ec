"""Whatever a job does to its host, the agent is heard, and a stop ends it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.worker_jobs import Register, Start, connected, grant
from tests.support.worker_server import ServerSession, WorkerServer

from farhand_agent.host.cgroup import Cgroups, find_cgroups
from farhand_agent.host.ground import own_root_half
from farhand_wire import limits
from farhand_wire.v1 import runbook_pb2, worker_pb2

BEAT_MS = 1_500
#: The interval that agents are given in life: the lease is longer than four of them.
LATE_SECONDS = limits.HEARTBEAT_SECONDS

#: Each part ends by itself, so that a test that fails harms none of those that follow.
_HUNGRY = """
bound='timeout -s KILL 60 bash -c'
for i in $(seq 40); do $bound 'while :; do :; done' & done
for i in 1 2 3 4; do $bound "while :; do head -c 20000000 /dev/zero > $i; done" & done
$bound 'while :; do head -c 1000000 /dev/zero; done' &
echo up >&2
wait
"""
#: Deaf to SIGTERM, and only where something bounds it.
_BOMB = """
import os, signal, time
assert any("farhand-" in line for line in open("/proc/self/cgroup")), "nothing would stop this"
end = time.monotonic() + 60
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
"""


async def beats(session: ServerSession, count: int) -> None:
    """So many heartbeats, none of them late."""
    for _ in range(count):
        before = time.monotonic()
        await session.next("heartbeat")
        assert time.monotonic() - before < LATE_SECONDS


async def test_agent_not_starved_by_job(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    server.heartbeat_ms = BEAT_MS
    session = await connected(server, await start())
    job = grant(_HUNGRY)
    session.send(grant=job)
    await session.next("output")
    await beats(session, 4)
    session.send(stop=worker_pb2.Stop(job_id=job.job_id, attempt=1, grace_ms=100))
    result = await session.next("result")

    assert result.exit.stopped
    assert len(server.sessions) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="bounded by a control group")
async def test_a_fork_bomb_holds_up_no_heartbeat_and_ends_on_stop(
    register: Register, start: Start, server: WorkerServer, state: Path
) -> None:
    await register()
    cgroups = find_cgroups(own_root_half(state))
    assert cgroups.limit is not None
    server.heartbeat_ms = BEAT_MS
    session = await connected(server, await start())
    job = grant(_BOMB, runbook_type=runbook_pb2.RUNBOOK_TYPE_PYTHON)
    session.send(grant=job)
    await session.next("output")
    await beats(session, 3)
    (largest, *_) = sorted((len(members(cgroups, name)) for name in names(cgroups)), reverse=True)
    session.send(stop=worker_pb2.Stop(job_id=job.job_id, attempt=1, grace_ms=100))
    before = time.monotonic()
    result = await session.next("result")

    assert largest == limits.JOB_PROCESSES + 1
    assert result.exit.stopped
    assert time.monotonic() - before < LATE_SECONDS
    assert all(len(members(cgroups, name)) <= 1 for name in names(cgroups))
    assert len(server.sessions) == 1


def names(cgroups: Cgroups) -> Iterator[str]:
    return filter(cgroups.named, os.listdir(cgroups.control.place))


def members(cgroups: Cgroups, name: str) -> list[str]:
    return (cgroups.control.place / name / "cgroup.procs").read_text().split()
