"""Processes as the kernel lists them, and signals that reach exactly those that were meant."""

import os
import signal
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

#: No script inherits that a signal is ignored: Python ignores SIGPIPE, so `yes | head -1` would
#: complain; nohup ignores SIGHUP, and a shell cannot even trap what it was started to ignore.
_RESTORED = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process; `started` (clock ticks since boot) tells it from a later one with its number."""

    pid: int
    parent: int
    started: int
    #: Of its first thread.
    state: str
    threads: int = 1

    @property
    def lives(self) -> bool:
        """False for one that has ended and was not reaped yet. One whose first thread has ended
        looks like that, too, and runs on with the others."""
        return self.state not in "ZX" or self.threads > 1


def processes() -> Iterator[Process]:
    """Every process of this machine that can be seen."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and (found := process(int(name))) is not None:
            yield found


def process(pid: int) -> Process | None:
    """None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = _fields(file.read())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        started=int(fields[19]),
        threads=int(fields[17]),
    )


def thread_states(pid: int) -> set[str]:
    """The states that its threads are in; empty if there is no such process."""
    states = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for name in os.listdir(f"/proc/{pid}/task"):
            with (
                suppress(FileNotFoundError, ProcessLookupError),
                open(f"/proc/{pid}/task/{name}/stat", "rb") as file,
            ):
                states.add(_fields(file.read())[0].decode())
    return states


def alive(pid: int) -> bool:
    found = process(pid)
    return found is not None and found.lives


def descendants(roots: Collection[int], among: Iterable[Process]) -> list[Process]:
    """The processes below `roots`, these not included."""
    children: dict[int, list[Process]] = {}
    for each in among:
        children.setdefault(each.parent, []).append(each)
    found: list[Process] = []
    parents = list(roots)
    while parents:
        below = children.pop(parents.pop(), [])
        found += below
        parents += [each.pid for each in below]
    return found


class Kernel(Protocol):
    """What the kernel tells of processes and does to them, in single steps: between any two of
    them a process may end, and another one get its number."""

    def processes(self) -> Iterator[Process]: ...

    def process(self, pid: int) -> Process | None: ...

    def variables(self, pid: int) -> Collection[bytes]:
        """Its environment as it was started; empty if it cannot be seen."""
        ...

    def open(self, pid: int) -> int:
        """A handle of who has this number now. Raises ProcessLookupError."""
        ...

    def signal(self, handle: int, number: int) -> None: ...

    def close(self, handle: int) -> None: ...


class Linux:
    """The real one."""

    def processes(self) -> Iterator[Process]:
        return processes()

    def process(self, pid: int) -> Process | None:
        return process(pid)

    def variables(self, pid: int) -> Collection[bytes]:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return file.read().split(b"\0")
        except OSError:
            return ()

    def open(self, pid: int) -> int:
        return os.pidfd_open(pid)

    def signal(self, handle: int, number: int) -> None:
        signal.pidfd_send_signal(handle, number)

    def close(self, handle: int) -> None:
        os.close(handle)


LINUX = Linux()


def send(number: int, targets: Iterable[Process], kernel: Kernel = LINUX) -> None:
    """Signal each of them, and never a stranger that got its number since."""
    for target in targets:
        with suppress(ProcessLookupError, PermissionError):
            handle = kernel.open(target.pid)
            try:
                now = kernel.process(target.pid)
                if now is not None and now.started == target.started:
                    kernel.signal(handle, number)
            finally:
                kernel.close(handle)


def _fields(stat: bytes) -> list[bytes]:
    """Those behind the name, which is in parentheses and may hold anything, spaces included."""
    return stat.rpartition(b")")[2].split()


def spawn(arguments: list[str], environment: dict[str, str], output: int, error: int) -> int:
    """Start a script in a session of its own, with an empty standard input; its process number.

    Inherits nothing but the two descriptors given, the working directory and the limits. Raises
    OSError when the interpreter cannot be executed.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, error, 2),
    ]
    umask = os.umask(0o022)
    try:
        return os.posix_spawn(
            arguments[0],
            arguments,
            environment,
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=_RESTORED,
        )
    finally:
        os.umask(umask)
