"""One agent for a state directory: it holds the lock, and writes into it what others may ask."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from farhand_agent.host.process import process


class StateInUse(Exception):
    """Another agent runs on the state directory."""

    def __init__(self, state: Path, pid: str) -> None:
        super().__init__(f"another agent (process {pid or 'unknown'}) runs on {state}")
        self.state = state
        self.pid = pid


class StateLock:
    """The lock, held."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def hold(cls, state: Path) -> "Iterator[StateLock]":
        """Keep every other agent away from the state directory. Raises StateInUse."""
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(_path(state), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateInUse(state, _lines(file)[0]) from None
            lock = cls(file)
            lock.note("")
            yield lock
        finally:
            os.close(file)

    def note(self, jobs: str) -> None:
        """Write down how the processes of jobs are kept together, for who asks."""
        me = process(os.getpid())
        started = me.started if me else 0
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n{started}\n{jobs}\n".encode(), 0)


def noted(state: Path) -> str:
    """What the agent that runs on a state directory has written down; empty if there is none, or if
    it may not be asked."""
    # To try the lock could keep an agent from starting.
    with suppress(OSError, ValueError):
        file = os.open(_path(state), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            pid, started, jobs = _lines(file)
        finally:
            os.close(file)
        agent = process(int(pid))
        if agent is not None and agent.lives and agent.started == int(started):
            return jobs
    return ""


def _path(state: Path) -> Path:
    return state / "lock"


def _lines(file: int) -> list[str]:
    """The number of the process, when it was started, and what it has noted."""
    text = os.pread(file, 4096, 0).decode(errors="replace")
    return [*text.split("\n"), "", "", ""][:3]
