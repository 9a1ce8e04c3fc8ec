"""Hundreds of jobs leave nothing behind in the processes that ran them."""

import os
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, wait_for

from farhand_agent.host.process import processes
from farhand_agent.host.spares import MOST
from farhand_agent.host.wire import Kind

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a runner lets nobody look inside")

#: What jobs do that could leave something: processes, pipes, segments, timers, a stop.
_SCRIPTS = (
    "echo hi",
    "sleep 600 & echo left",
    "setsid sleep 600 >/dev/null 2>&1 &",
    "for i in 1 2 3; do (true &); done",
    "head -c 5000000 /dev/zero",
    "kill -9 $$",
    "exec 1>&- 2>&-; exit 3",
)
KB = 1024


def descriptors(pid: int) -> list[str]:
    """What a process has open, without the names that change from job to job."""
    found = map(os.readlink, Path(f"/proc/{pid}/fd").iterdir())
    return sorted(os.path.dirname(each) or each.partition(":[")[0] for each in found)


def beside_runners(host: HostProcess) -> int:
    """Descriptors of the launcher, without the one that it has for each spare."""
    return len(os.listdir(f"/proc/{host.pid}/fd")) - len(host.spares())


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def zombies(parents: set[int]) -> list[int]:
    return [each.pid for each in processes() if each.parent in parents and not each.lives]


def test_hundreds_of_jobs_leave_nothing_in_their_runner(host: HostProcess) -> None:
    client = host.spare()
    runner = host.runner(host.socket_of(client))

    def run(count: int) -> None:
        for number in range(count):
            outcome = client.run(_SCRIPTS[number % len(_SCRIPTS)])
            client.send(Kind.FREE, durable=len(outcome.data))
            assert client.done()

    run(10 * len(_SCRIPTS))
    before, shared = descriptors(runner), wait_for(lambda: beside_runners(host))
    memory = resident_kb(runner), resident_kb(host.pid)
    run(40 * len(_SCRIPTS))

    assert host.runner(host.socket_of(client)) == runner
    assert descriptors(runner) == before
    wait_for(lambda: beside_runners(host) <= shared)
    assert zombies({runner, host.pid}) == []
    assert len(os.listdir(f"/proc/{runner}/task")) == 1
    assert resident_kb(runner) - memory[0] < 2 * KB
    assert resident_kb(host.pid) - memory[1] < 2 * KB


def test_bursts_of_jobs_leave_nothing_in_the_launcher(host: HostProcess) -> None:
    def burst() -> None:
        clients = []
        for _ in range(MOST + 4):
            clients.append(host.spare())
            clients[-1].start("sleep 0.01; echo hi")
        for client in clients:
            client.take(Outcome())
            client.send(Kind.DONE)
        wait_for(lambda: len(host.spares()) <= MOST and not list(host.sandbox.attempts()))
        for client in clients:
            client.close()
        host.clients.clear()

    burst()
    before = wait_for(lambda: beside_runners(host))
    for _ in range(2):
        burst()

    wait_for(lambda: beside_runners(host) <= before)
    wait_for(lambda: zombies({host.pid}) == [])
    # One folder for each spare, and no more: of work, of reserves, of control groups.
    spares = {host.runner(path) for path in host.spares()}
    wait_for(lambda: {int(name) for name in os.listdir(host.state / "work")} <= spares)
    wait_for(lambda: {int(name) for name in os.listdir(host.state / "reserve")} <= spares)
    assert host.cgroups() == []
