"""Time that stands still until somebody moves it.

What is read of it keeps its kind through every sum: whoever looks at a world can tell a moment from
a number, and say how far away it is.
"""

from farhand_server.model.clock import UnixMs


class Moment(float):
    """Seconds on the clock that rules count patience by."""

    __slots__ = ()

    def __add__(self, seconds: float) -> "Moment":
        return Moment(float(self) + seconds)

    __radd__ = __add__

    def __sub__(self, other: float) -> float:
        """Another moment gives a duration, a duration another moment."""
        difference = float(self) - float(other)
        return difference if isinstance(other, Moment) else Moment(difference)


class MomentMs(int):
    """The same clock in milliseconds."""

    __slots__ = ()

    def __add__(self, ms: int) -> "MomentMs":
        return MomentMs(int(self) + ms)

    __radd__ = __add__


class WallMs(int):
    """What a person's clock shows: no rule decides by it."""

    __slots__ = ()


#: Ever so long after the start of a machine, so that much can have happened before.
_START_MS = 1_000_000
#: What a person's clock shows then.
_START_WALL_MS = 1_700_000_010_000


class WorldClock:
    """Milliseconds, read as both clocks of the server and as the agent's."""

    def __init__(self) -> None:
        self.ms = MomentMs(_START_MS)
        #: How far the date is off; steps of it must change no decision.
        self.wall_ms = 0

    def monotonic(self) -> float:
        return Moment(self.ms / 1000)

    def unix_ms(self) -> UnixMs:
        return UnixMs(WallMs(_START_WALL_MS - _START_MS + self.ms + self.wall_ms))
