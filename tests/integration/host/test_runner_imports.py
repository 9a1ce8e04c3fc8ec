"""A package is upgraded under a running agent: a runner has loaded all that it will ever need."""

import os
import signal

from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, wait_for

from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase


def imported(host: HostProcess) -> list[tuple[int, str]]:
    """Who loaded what after its fork."""
    path = host.state / "imports"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(pid), name) for pid, name in (line.split() for line in lines)]


def test_a_runner_imports_nothing_after_fork(host: HostProcess) -> None:
    """In a life with everything in it, and a death."""
    client = host.spare()
    runner = host.runner(host.socket_of(client))
    client.run("head -c 9000000 /dev/zero; setsid sleep 600 & exit 3")
    client.send(Kind.FREE, durable=5_000_000)
    assert client.done()
    client.run("print('hi')", type="python")
    assert client.done()
    client.run("MsgBox", type="basic")
    assert client.done()
    client.run("sleep 600", timeout_ms=50)
    assert client.done()
    seen = Outcome()
    job_id = client.start("echo up; trap '' TERM; sleep 600")
    client.take(seen, until=lambda seen: bool(seen.output))
    client.ask(Kind.FREEZE, Kind.FROZEN, seen)
    client.ask(Kind.THAW, Kind.THAWED, seen)
    client.send_raw(b"\xff\0\0\0\0")
    client.close()
    again = host.dial(job_id)
    again.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    again.send(Kind.STOP, grace_ms=50)
    again.take(Outcome())
    assert host.runner_of(job_id) == runner
    os.kill(runner, signal.SIGKILL)
    wait_for(lambda: again.hear() is None)
    last = host.dial(job_id)
    assert last.state()["phase"] == Phase.EXITED
    heir = host.runner_of(job_id)
    last.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    last.take(Outcome())

    assert [each for each in imported(host) if each[0] in (runner, heir)] == []
