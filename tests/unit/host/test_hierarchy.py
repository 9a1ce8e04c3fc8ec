"""Where control groups are found, on machines of every make."""

from pathlib import Path

import pytest

from farhand_agent.host.cgroup import NoCgroups, choose_cgroups
from farhand_agent.host.hierarchy import FREEZER, PIDS, UNIFIED, Hierarchy, hierarchies
from farhand_agent.host.mounts import mounts

SYSTEMD = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
CONTAINER = "50 49 0:26 /docker/1f /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"


def test_on_a_machine_of_today_it_is_version_2() -> None:
    unit = "/system.slice/farhand-agent.service"
    found = hierarchies(mounts(SYSTEMD), f"0::{unit}\n")

    assert found == {UNIFIED: Hierarchy(kind=UNIFIED, own=Path(f"/sys/fs/cgroup{unit}"))}


def test_where_both_versions_are_mounted_each_has_its_place() -> None:
    found = hierarchies(mounts(HYBRID), "8:pids:/a b\n6:freezer:/\n1:cpu,cpuacct:/x\n0::/\n")

    assert {kind: each.own for kind, each in found.items()} == {
        UNIFIED: Path("/sys/fs/cgroup/unified"),
        FREEZER: Path("/sys/fs/cgroup/freezer"),
        PIDS: Path("/sys/fs/cgroup/pids/a b"),
    }


@pytest.mark.parametrize(("group", "place"), [("/docker/1f/x", "/sys/fs/cgroup/x"), ("/", None)])
def test_a_container_may_see_less_than_there_is(group: str, place: str | None) -> None:
    found = hierarchies(mounts(CONTAINER), f"0::{group}\n")

    assert [str(each.own) for each in found.values()] == ([place] if place else [])


def test_a_subgroup_from_systemd_stays_beside_those_of_the_runners() -> None:
    unit = Path("/sys/fs/cgroup/system.slice/farhand-agent.service")
    alone = Hierarchy(kind=UNIFIED, own=unit)
    delegated = Hierarchy(kind=UNIFIED, own=unit / "farhand-agent")

    assert (alone.place, delegated.place) == (unit, unit)
    assert delegated.bounds


def test_a_group_that_holds_processes_is_not_told_to_bound_others(tmp_path: Path) -> None:
    """In version 2 nothing could be moved back into it then, and systemd could not start the agent
    again while a job runs."""
    (tmp_path / "cgroup.type").touch()

    assert not Hierarchy(kind=UNIFIED, own=tmp_path).bounds
    assert Hierarchy(kind=UNIFIED, own=tmp_path.parent).bounds
    assert not Hierarchy(kind=PIDS, own=tmp_path).bounds


def test_it_is_said_why_there_are_no_control_groups(tmp_path: Path) -> None:
    with pytest.raises(NoCgroups, match="no control group: none are mounted"):
        choose_cgroups(tmp_path, {})
    with pytest.raises(NoCgroups, match=r"no control group: /proc/self: No such file"):
        choose_cgroups(tmp_path, {UNIFIED: Hierarchy(kind=UNIFIED, own=Path("/proc/self"))})
    with pytest.raises(NoCgroups, match=f"no control group: {tmp_path} has no freezer.state"):
        choose_cgroups(tmp_path, {FREEZER: Hierarchy(kind=FREEZER, own=tmp_path)})

    assert list(tmp_path.iterdir()) == []
