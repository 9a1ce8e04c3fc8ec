"""Which trees of control groups this machine has, and where in them this process is."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from farhand_agent.host.mounts import Mount

#: Version 2, and the two controllers of version 1 that can stand in for it.
UNIFIED, FREEZER, PIDS = "cgroup2", "freezer", "pids"
#: A service of systemd gives the agent this group (DelegateSubgroup=). The groups of runners are
#: then made beside it: in version 2 no group may hold processes and bound those below it.
SUBGROUP = "farhand-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One tree of control groups; `own` is the group that this process is in."""

    kind: str
    own: Path

    @property
    def place(self) -> Path:
        """Where the groups of runners are made."""
        return self.own.parent if self.own.name == SUBGROUP else self.own

    @property
    def bounds(self) -> bool:
        """Whether `place` may be told to bound what is below it: version 1 needs no telling, and in
        version 2 no process may be in it, unless it is the root."""
        if self.kind != UNIFIED:
            return False
        return self.place != self.own or not (self.place / "cgroup.type").exists()


def hierarchies(mounts: Iterable[Mount], membership: str) -> dict[str, Hierarchy]:
    """Those that matter, by kind, in the first place where each is mounted. `membership` is the
    text of a /proc/PID/cgroup."""
    groups = _groups(membership)
    found: dict[str, Hierarchy] = {}
    for mount in mounts:
        kind = _kind(mount)
        group = groups.get(kind)
        if kind in found or group is None or not group.is_relative_to(mount.root):
            continue
        found[kind] = Hierarchy(kind=kind, own=mount.point / group.relative_to(mount.root))
    return found


def _kind(mount: Mount) -> str:
    if mount.type == "cgroup2":
        return UNIFIED
    if mount.type == "cgroup":
        return next((kind for kind in (FREEZER, PIDS) if kind in mount.options), "")
    return ""


def _groups(membership: str) -> dict[str, Path]:
    """The group of this process in each hierarchy."""
    found = {}
    for line in membership.splitlines():
        number, controllers, path = line.split(":", 2)
        for name in [UNIFIED] if number == "0" else controllers.split(","):
            found[name] = Path(path)
    return found
