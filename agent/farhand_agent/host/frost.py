"""A process tree that stands still, and goes on again."""

import os
import signal
from collections.abc import Callable, Iterable
from typing import Protocol

from farhand_agent.host.loop import Loop, Timer
from farhand_agent.host.process import Process, descendants, processes, send, thread_states

#: Walks at once: each reaches one generation, and one that forks all the time must be outrun.
_WALKS = 8
#: Between two attempts, doubled each time.
_FIRST_SECONDS = 0.005
_MOST_SECONDS = 1.0
#: States of threads that execute nothing. One that waits in the kernel (D), as for a child between
#: vfork and exec, cannot come back from there before it has seen the SIGSTOP that it was sent.
_STILL = frozenset("TtDZX")


class Freezer(Protocol):
    """Freezes all processes of one job. Each call does what can be done without waiting; it is
    repeated until it says that nothing is left to do."""

    def freeze(self) -> bool:
        """Whether every process stands still now."""
        ...

    def thaw(self) -> bool:
        """Whether every process goes on now."""
        ...


class TreeFreezer:
    """Stops and continues what is below this process with signals, where there is no cgroup."""

    def __init__(self, *, send: Callable[[int, Iterable[Process]], None] = send) -> None:
        self._send = send
        #: What the last walk found, if nothing moved.
        self._still: frozenset[tuple[int, int]] | None = None

    def freeze(self) -> bool:
        """True when two walks in a row found nobody who moves, and the second nobody new: what was
        not stopped yet at the first may have forked behind it."""
        return any(self._walk() for _ in range(_WALKS))

    def thaw(self) -> bool:
        """Continues whatever is stopped, what the script itself had stopped included."""
        self._still = None
        # Children first, or their parent would find them stopped.
        self._send(signal.SIGCONT, reversed(_tree()))
        return all(each.state != "T" for each in _tree())

    def _walk(self) -> bool:
        tree, before = _tree(), self._still
        moving = {each.pid for each in tree if _moves(each)}
        # A parent that waits, as a shell or sudo, shall not see its child stop: it would go on
        # without it, or stop itself. So a child has its turn when its parent stands still.
        due = [each for each in tree if each.state not in "Tt" and each.parent not in moving]
        self._send(signal.SIGSTOP, due)
        found = frozenset((each.pid, each.started) for each in tree)
        self._still = None if moving else found
        return before is not None and not moving and found <= before


def _tree() -> list[Process]:
    return descendants([os.getpid()], processes())


def _moves(process: Process) -> bool:
    """Its threads stop one after the other, and the first of them may have ended long ago."""
    return not _STILL.issuperset(thread_states(process.pid))


class Frost:
    """Brings a job to a standstill and back; what was asked last counts."""

    def __init__(self, loop: Loop, freezer: Freezer, *, reached: Callable[[bool], None]) -> None:
        """`reached` is called with what is true then: that it is frozen, or that it goes on."""
        self.frozen = False
        self._loop = loop
        self._freezer = freezer
        self._reached = reached
        #: Something may stand still because of us.
        self._touched = False
        self._again: Timer | None = None

    def freeze(self) -> None:
        """Asked again, it looks again."""
        self._touched = True
        self._strive(self._freezer.freeze, lambda: self._reach(True))

    def thaw(self) -> None:
        """A job that was never frozen is left as it is: a script may have stopped some of its own
        processes."""
        self.frozen = False
        if self._touched:
            self._strive(self._freezer.thaw, lambda: self._reach(False))
        else:
            self._reached(False)

    def end(self) -> None:
        """The job is being ended: let it go on to its end, and tell nobody."""
        self.frozen = False
        if self._touched:
            self._strive(self._freezer.thaw, lambda: None)

    def _reach(self, frozen: bool) -> None:
        self.frozen = self._touched = frozen
        self._reached(frozen)

    def _strive(
        self, step: Callable[[], bool], done: Callable[[], None], wait: float = _FIRST_SECONDS
    ) -> None:
        self._loop.cancel(self._again)
        if step():
            done()
            return
        following = min(2 * wait, _MOST_SECONDS)
        self._again = self._loop.after(wait, lambda: self._strive(step, done, following))
