"""Control groups: what a runner ever started is in its group, whatever became of the parents.

A runner sits in a group of its own, so a script is born there (to move one costs 0.1 ms and more;
this costs nothing per job). It steps out before the group is killed or frozen.
"""

import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from farhand_agent.host.hierarchy import FREEZER, PIDS, UNIFIED, Hierarchy, hierarchies
from farhand_agent.host.mounts import my_mounts
from farhand_agent.host.process import Process, process, send
from farhand_wire import limits

#: A freezer of version 1 needs a moment; what is not frozen by then is met the next time.
_FREEZE_SECONDS = 0.1
#: Between a SIGKILL and the next one.
_AGAIN_SECONDS = 0.01


class NoCgroups(Exception):
    """No control group can be made here, and why."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"found by their parents, with no limit to their number: no control group: {why}"
        )


class Cgroup:
    """The control group of one runner."""

    def __init__(self, name: str, control: Hierarchy, limit: Hierarchy | None) -> None:
        self.name = name
        self._hierarchies = [control]
        if limit is not None and limit != control:
            self._hierarchies.append(limit)
        self._folder = control.place / name
        self._bound = None if limit is None else limit.place / name / "pids.max"
        #: Whether this process is a member.
        self.inside = False

    def make(self, most: int) -> None:
        """Create it, for `most` processes and threads at a time. Raises OSError."""
        for hierarchy in self._hierarchies:
            (hierarchy.place / self.name).mkdir(exist_ok=True)
        if self._bound is not None:
            _write(self._bound, str(most))

    def enter(self) -> None:
        """Become a member, and with this process whatever it starts. Raises OSError."""
        for hierarchy in self._hierarchies:
            _write(hierarchy.place / self.name / "cgroup.procs", "0")
        self.inside = True

    def reenter(self) -> None:
        """Be a member again of a group that everybody has left. Raises OSError if somebody has
        not, or if that is impossible."""
        if not self.inside:
            if self.members() or not self.thaw():
                raise OSError(f"{self._folder} is not empty, or frozen")
            self.enter()

    def leave(self) -> None:
        """Be a member no more; those that this process started stay. Raises OSError."""
        if self.inside:
            for hierarchy in self._hierarchies:
                _write(hierarchy.own / "cgroup.procs", "0")
            self.inside = False

    def members(self) -> list[Process]:
        """The living processes in it, without this one."""
        try:
            numbers = (self._folder / "cgroup.procs").read_text().split()
        except OSError:  # removed
            return []
        found = [process(int(number)) for number in numbers if int(number) != os.getpid()]
        return [each for each in found if each is not None and each.lives]

    def kill(self) -> None:
        """SIGKILL to all others at once, so that none can fork away. Raises OSError."""
        self.leave()
        if (self._folder / "cgroup.kill").exists():
            _write(self._folder / "cgroup.kill", "1")
            return
        deadline = time.monotonic() + _FREEZE_SECONDS
        while not self.freeze() and time.monotonic() < deadline:
            time.sleep(0.001)
        send(signal.SIGKILL, self.members())
        self.thaw()

    def end(self, seconds: float) -> None:
        """Kill all others until none is left, for so long at most, and remove it."""
        deadline = time.monotonic() + seconds
        while self.members() and time.monotonic() < deadline:
            with suppress(OSError):
                self.kill()
            time.sleep(_AGAIN_SECONDS)
        self.remove()

    def freeze(self) -> bool:
        """Ask all others to stand still; whether every one does now."""
        with suppress(OSError):
            self.leave()
            self._order("1", "FROZEN")
            return self._says("frozen 1", "FROZEN")
        return False

    def thaw(self) -> bool:
        """Ask them to go on; whether every one does now."""
        with suppress(OSError):
            self._order("0", "THAWED")
            return self._says("frozen 0", "THAWED")
        return False

    def remove(self) -> None:
        """Remove it, if it is empty."""
        for hierarchy in self._hierarchies:
            with suppress(OSError):
                os.rmdir(hierarchy.place / self.name)

    @property
    def _is_unified(self) -> bool:
        return self._hierarchies[0].kind == UNIFIED

    def _says(self, unified: str, freezer: str) -> bool:
        if self._is_unified:
            return unified in (self._folder / "cgroup.events").read_text().splitlines()
        return freezer == (self._folder / "freezer.state").read_text().strip()

    def _order(self, unified: str, freezer: str) -> None:
        if self._is_unified:
            _write(self._folder / "cgroup.freeze", unified)
        else:
            _write(self._folder / "freezer.state", freezer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroups:
    """Where an agent makes control groups. Its `prefix` tells them from those of every other."""

    prefix: str
    #: Kills and freezes.
    control: Hierarchy
    #: Bounds the number of processes; None where nothing can.
    limit: Hierarchy | None

    def make(self, runner: Process) -> Cgroup:
        """A new group for a runner, which is not in it yet. Raises OSError."""
        name = f"{self.prefix}.{runner.pid}.{runner.started}"
        made = Cgroup(name, self.control, self.limit)
        made.make(limits.JOB_PROCESSES + 1)  # the runner itself
        return made

    def named(self, name: str) -> Cgroup | None:
        """None for a name that no group of this agent has."""
        if not re.fullmatch(rf"{re.escape(self.prefix)}\.\d+\.\d+", name):
            return None
        return Cgroup(name, self.control, self.limit)

    def dead(self) -> Iterator[Cgroup]:
        """Groups whose runner has ended; something may still be in them."""
        names: set[str] = set()
        for hierarchy in filter(None, (self.control, self.limit)):
            with suppress(OSError):
                names |= set(os.listdir(hierarchy.place))
        for name in sorted(names):
            if (group := self.named(name)) is not None:
                pid, started = map(int, name.split(".")[-2:])
                runner = process(pid)
                if runner is None or not runner.lives or runner.started != started:
                    yield group

    def __str__(self) -> str:
        bound = "with no limit to their number"
        if self.limit is not None:
            bound = f"{limits.JOB_PROCESSES} at most"
        return f"in a control group for each job ({self.control.place}), {bound}"


def find_cgroups(state: Path) -> Cgroups:
    """Where the agent of this state directory may make control groups. Raises NoCgroups, and
    OSError if there is no such directory."""
    return choose_cgroups(state, hierarchies(my_mounts(), Path("/proc/self/cgroup").read_text()))


def choose_cgroups(state: Path, found: Mapping[str, Hierarchy]) -> Cgroups:
    """Version 2 where it can be used, else version 1. Raises NoCgroups."""
    status = state.stat()
    prefix = f"farhand-{status.st_dev:x}-{status.st_ino:x}"
    probe = f"{prefix}.probe"
    refusals = [] if found else ["none are mounted"]
    control = limit = None
    for kind, sign in ((UNIFIED, "cgroup.freeze"), (FREEZER, "freezer.state")):
        if control is None and kind in found:
            control = _usable(found[kind], probe, sign, refusals)
    for kind in (UNIFIED, PIDS):
        if limit is None and kind in found:
            limit = _usable(found[kind], probe, "pids.max", refusals)
    if control is None:
        raise NoCgroups("; ".join(refusals))
    return Cgroups(prefix=prefix, control=control, limit=limit)


def _usable(hierarchy: Hierarchy, probe: str, sign: str, refusals: list[str]) -> Hierarchy | None:
    """The hierarchy, if a group can be made there and has the file `sign`."""
    folder = hierarchy.place / probe
    try:
        if sign == "pids.max" and hierarchy.bounds:
            _write(hierarchy.place / "cgroup.subtree_control", "+pids")
        folder.mkdir(exist_ok=True)
        try:
            if (folder / sign).exists():
                return hierarchy
            refusals.append(f"{hierarchy.place} has no {sign}")
        finally:
            folder.rmdir()
    except OSError as error:
        refusals.append(f"{hierarchy.place}: {error.strerror}")
    return None


def _write(path: Path, text: str) -> None:
    """What a control file is told, in one write."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)
