"""Every runner has a control group: what a job starts is born in it, and goes with it."""

import os
import signal
from pathlib import Path

import pytest
from tests.support.host_agent import only
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, alive, wait_for

from farhand_agent.host.cgroup import Cgroups
from farhand_agent.host.hierarchy import PIDS, UNIFIED, hierarchies
from farhand_agent.host.lock import noted
from farhand_agent.host.mounts import my_mounts
from farhand_agent.host.process import Process
from farhand_agent.host.wire import Kind
from farhand_wire import limits

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes control groups")

ALL = "cgroup2,freezer,pids"
VERSION_1 = "freezer,pids"
#: Forks as often as it may, deaf to SIGTERM; only where something bounds it, and not for ever.
_BOMB = """
import os, signal, time
bounds = [line for line in open("/proc/self/cgroup") if "farhand-" in line]
assert bounds, "nothing would stop this"
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
"""


def groups(host: HostProcess) -> Cgroups:
    return only(host.kinds.split(","), host.state)


def names(host: HostProcess) -> list[str]:
    """The groups of this agent in every hierarchy."""
    mine = groups(host)
    places = {each.place for each in (mine.control, mine.limit) if each is not None}
    found = [name for place in places for name in os.listdir(place)]
    return [name for name in found if mine.named(name)]


def group_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


def up(client: RunnerClient, script: str, **fields: str) -> tuple[str, list[int]]:
    """Start a script; its job, and the numbers on its first line."""
    job_id = client.start(script, **fields)
    seen = client.take(Outcome(), until=lambda seen: seen.output.endswith(b"\n"))
    return job_id, [int(word) for word in seen.output.split()]


def test_as_root_control_groups_are_used_where_they_can_be_made(host: HostProcess) -> None:
    found = hierarchies(my_mounts(), Path("/proc/self/cgroup").read_text())
    can = {kind for kind, each in found.items() if os.access(each.place, os.W_OK)}
    host.spare().state()

    told = noted(host.state)
    assert told.startswith("in a control group") == bool(can - {PIDS}), told
    if {UNIFIED, PIDS} <= can:
        assert told.endswith(f"{limits.JOB_PROCESSES} at most")


@pytest.mark.parametrize("host", [ALL, VERSION_1], indirect=True)
def test_what_a_job_starts_is_born_in_the_group_of_its_runner(host: HostProcess) -> None:
    client = host.spare()
    job_id, pids = up(client, "setsid sleep 600 & echo $$ $!; sleep 600")
    runner = host.runner_of(job_id)

    assert f"farhand-{groups(host).prefix.partition('-')[2]}.{runner}." in group_of(runner)
    assert {group_of(pid) for pid in pids} == {group_of(runner)}
    assert group_of(host.pid) != group_of(runner)


@pytest.mark.parametrize("host", [ALL, VERSION_1], indirect=True)
def test_a_runner_that_killed_a_job_takes_the_next_one_into_its_group(host: HostProcess) -> None:
    client = host.spare()
    stubborn = "trap '' TERM; (trap '' TERM; sleep 600) & echo $$ $!; while :; do sleep 1; done"
    job_id, pids = up(client, stubborn)
    group = group_of(host.runner_of(job_id))
    client.send(Kind.STOP, grace_ms=0)
    client.take(Outcome())
    assert [pid for pid in pids if alive(pid)] == []

    assert client.done()
    assert client.run("cat /proc/self/cgroup").output.decode() == group


def test_groups_go_with_their_runners(host: HostProcess) -> None:
    client = host.spare()
    job_id, _ = up(client, "echo 1; sleep 600")
    runner = host.runner_of(job_id)
    wait_for(lambda: len({*names(host)}) == 3)
    host.stop()
    wait_for(lambda: len({*names(host)}) == 1)
    assert f".{runner}." in names(host)[0]
    again = host.dial(job_id)
    again.send(Kind.STOP, grace_ms=0)

    assert not again.done()
    wait_for(lambda: not names(host))


@pytest.mark.parametrize("host", [ALL, VERSION_1], indirect=True)
def test_a_killed_runner_leaves_neither_its_group_nor_anybody_in_it(host: HostProcess) -> None:
    client = host.spare()
    escape = "env -i setsid /bin/sleep 600 & env -i setsid /bin/sleep 601 & echo $$ $! ; sleep 600"
    job_id, pids = up(client, escape)
    runner = host.runner_of(job_id)
    members = [each.pid for each in members_of(host, runner)]
    os.kill(runner, signal.SIGKILL)
    wait_for(lambda: client.hear() is None)
    again = host.dial(job_id)
    again.state()

    assert {*pids} < {*members}
    assert [pid for pid in members if alive(pid)] == []
    wait_for(lambda: not [name for name in names(host) if f".{runner}." in name])


def test_after_runner_and_launcher_were_killed_the_next_start_clears_up(host: HostProcess) -> None:
    client = host.spare()
    job_id, pids = up(client, "env -i setsid /bin/sleep 600 & echo $$ $!; sleep 600")
    runner = host.runner_of(job_id)
    spares = [host.runner(path) for path in wait_for(host.spares)]
    host.kill()
    for pid in [runner, *spares]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: client.hear() is None)
    assert [name for name in names(host) if f".{runner}." in name]
    host.start()
    host.dial(job_id).state()

    assert [pid for pid in pids if alive(pid)] == []
    lost = {runner, *spares}
    wait_for(lambda: not [name for name in names(host) if int(name.split(".")[1]) in lost])


@pytest.mark.parametrize("host", [ALL, VERSION_1], indirect=True)
def test_a_fork_bomb_is_bounded_and_ends_on_stop(host: HostProcess) -> None:
    client = host.spare()
    job_id, _ = up(client, _BOMB, type="python")
    runner = host.runner_of(job_id)
    wait_for(lambda: len(members_of(host, runner)) == limits.JOB_PROCESSES)
    members = members_of(host, runner)
    client.send(Kind.STOP, grace_ms=100)
    outcome = client.take(Outcome())

    assert outcome.exited is not None
    assert (outcome.exited["signal"], outcome.exited["stopped"]) == (signal.SIGKILL, True)
    assert [each for each in members if alive(each.pid)] == []
    assert members_of(host, runner) == []
    assert client.done()


def members_of(host: HostProcess, runner: int) -> list[Process]:
    """Who is in the group of a runner, without that."""
    (name,) = {name for name in names(host) if f".{runner}." in name}
    group = groups(host).named(name)
    assert group is not None
    return [each for each in group.members() if each.pid != runner]
