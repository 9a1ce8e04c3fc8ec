"""A control group kills, freezes and bounds all its members, and none but its own."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.host_agent import only
from tests.support.runner_client import alive, wait_for

from farhand_agent.host.cgroup import Cgroup, Cgroups
from farhand_agent.host.hierarchy import hierarchies
from farhand_agent.host.mounts import my_mounts
from farhand_agent.host.process import Process, process
from farhand_wire import limits

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes control groups")


def writable() -> list[str]:
    """The hierarchies in which this process may make groups, as the file system tells it."""
    found = hierarchies(my_mounts(), Path("/proc/self/cgroup").read_text())
    return [kind for kind, each in found.items() if os.access(each.place, os.W_OK)]


@pytest.fixture(params=["cgroup2,freezer,pids", "freezer,pids", "freezer"])
def cgroups(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cgroups]:
    kinds = set(request.param.split(","))
    if not kinds & set(writable()) - {"pids"}:
        pytest.skip("this machine has none of these")
    cgroups = only(kinds, tmp_path)
    yield cgroups
    for group in cgroups.dead():
        group.end(10)


@pytest.fixture
def group(cgroups: Cgroups) -> Iterator[Cgroup]:
    with subprocess.Popen(["/bin/sleep", "600"]) as runner:
        group = cgroups.make(identity(runner.pid))
        yield group
        group.end(10)
        runner.kill()


def identity(pid: int) -> Process:
    found = process(pid)
    assert found is not None

    return found


def run_in(cgroups: Cgroups, group: Cgroup, script: str) -> subprocess.Popen[bytes]:
    """Start a script that is born in a group."""
    folders = {each.place / group.name for each in (cgroups.control, cgroups.limit) if each}
    joins = "".join(f"echo $$ > {folder}/cgroup.procs; " for folder in folders)
    return subprocess.Popen(["/bin/sh", "-c", joins + script], stdout=subprocess.PIPE)


def test_where_groups_can_be_made_they_are_found(tmp_path: Path) -> None:
    if {"cgroup2", "freezer"} & set(writable()):
        assert only(writable(), tmp_path).control.kind in writable()
    assert not {"cgroup2", "pids"} <= set(writable()) or only(writable(), tmp_path).limit


def test_all_members_are_killed_also_those_that_have_no_parent(
    cgroups: Cgroups, group: Cgroup
) -> None:
    escape = "trap '' TERM HUP; (env -i setsid /bin/sleep 600 &); sleep 600 & echo up; wait"
    with run_in(cgroups, group, escape) as script:
        assert script.stdout is not None and script.stdout.readline() == b"up\n"
        members = [each.pid for each in group.members()]
        group.kill()
        wait_for(lambda: not group.members())

        assert script.wait(10) == -signal.SIGKILL
    assert len(members) == 3
    assert not any(map(alive, members))


def test_all_members_are_frozen_and_thawed(cgroups: Cgroups, group: Cgroup, tmp_path: Path) -> None:
    pulse = tmp_path / "pulse"
    beat = f"while :; do echo x >> {pulse}; sleep 0.01; done"
    with run_in(cgroups, group, f"({beat}) & sleep 600"):
        wait_for(pulse.exists)
        wait_for(group.freeze)
        size = pulse.stat().st_size
        for member in group.members():
            os.kill(member.pid, signal.SIGCONT)  # whom a script continues stands still nevertheless

        with pytest.raises(TimeoutError):
            wait_for(lambda: pulse.stat().st_size > size, 0.3)
        wait_for(group.thaw)
        wait_for(lambda: pulse.stat().st_size > size)
        group.end(10)


def test_a_frozen_group_can_be_killed(cgroups: Cgroups, group: Cgroup) -> None:
    with run_in(cgroups, group, "sleep 600"):
        wait_for(group.members)
        wait_for(group.freeze)
        group.end(10)

        assert group.members() == []


def test_no_more_processes_are_forked_than_it_may_have(cgroups: Cgroups, group: Cgroup) -> None:
    if cgroups.limit is None:
        assert "no limit" in str(cgroups)
        return
    group.make(6)
    with run_in(cgroups, group, "for i in 1 2 3 4 5 6 7 8; do sleep 600 & done; wait") as script:
        assert script.wait(10) != 0  # its shell could not fork a sixth time
        assert len(group.members()) == 5
        assert f"{limits.JOB_PROCESSES} at most" in str(cgroups)
        group.end(10)


def test_only_groups_whose_runner_is_gone_are_dead(cgroups: Cgroups, group: Cgroup) -> None:
    me = identity(os.getpid())
    reused = cgroups.make(
        Process(pid=me.pid, parent=me.parent, started=me.started - 1, state=me.state)
    )
    (cgroups.control.place / f"{cgroups.prefix}.x.1").mkdir()
    (cgroups.control.place / f"{cgroups.prefix}0.1.1").mkdir()
    try:
        assert [each.name for each in cgroups.dead()] == [reused.name]
    finally:
        for name in (f"{cgroups.prefix}.x.1", f"{cgroups.prefix}0.1.1"):
            (cgroups.control.place / name).rmdir()


@pytest.mark.parametrize("name", ["", "..", "{}", "{}.1", "{}.1.2/..", "x{}.1.2", "{}.1.2\n"])
def test_a_name_that_is_not_ours_names_no_group(cgroups: Cgroups, name: str) -> None:
    assert cgroups.named(name.format(cgroups.prefix)) is None
    assert cgroups.named(f"{cgroups.prefix}.1.2") is not None


def test_every_state_directory_has_groups_of_its_own(cgroups: Cgroups, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    assert only(writable(), tmp_path / "other").prefix != cgroups.prefix
