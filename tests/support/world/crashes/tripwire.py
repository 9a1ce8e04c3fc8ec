"""Counts the moments of a life, and ends a process at one of them."""

import enum
from collections import Counter
from dataclasses import dataclass


class Victim(enum.Enum):
    """Whose process dies."""

    SERVER = enum.auto()
    AGENT = enum.auto()
    RUNNER = enum.auto()


@dataclass(frozen=True, slots=True)
class Point:
    """The nth moment of a kind."""

    kind: str
    nth: int


class Died(BaseException):
    """A process ended here; nothing catches that."""

    def __init__(self, victim: Victim) -> None:
        super().__init__(victim.name)
        self.victim = victim


class Tripwire:
    """Passes every moment but one."""

    def __init__(self, at: Point | None = None) -> None:
        self._at = at
        #: Moments so far, by kind.
        self.moments: Counter[str] = Counter()
        self.has_fired = False
        #: Before that nothing counts.
        self.is_armed = False

    def reach(self, kind: str, victim: Victim) -> None:
        """Raises Died at the one moment."""
        if not self.is_armed:
            return
        self.moments[kind] += 1
        if not self.has_fired and self._at == Point(kind, self.moments[kind]):
            self.has_fired = True
            raise Died(victim)
