"""How long a script may run, counted by its runner alone."""

from collections.abc import Callable

from farhand_agent.host.loop import Loop, Timer

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms"))


class Timeout:
    """The time that a script has left; it does not pass while the script is frozen.

    It is counted by the loop's clock, to which a suspended machine is time passed. The loop sleeps
    longer then, but not beyond the next tick of its runner.
    """

    def __init__(self, loop: Loop, *, over: Callable[[], None]) -> None:
        self._loop = loop
        self._over = over
        #: Seconds left at `_since`; None: for ever.
        self._left: float | None = None
        self._since = 0.0
        self._timer: Timer | None = None

    def begin(self, seconds: float) -> None:
        self._left = seconds
        self.go_on()

    def go_on(self) -> None:
        """Fine if it does already."""
        if self._left is not None and self._timer is None:
            self._since = self._loop.clock()
            self._timer = self._loop.after(self._left, self._over)

    def pause(self) -> None:
        """Fine if it does already."""
        if self._left is not None and self._timer is not None:
            self._left -= self._loop.clock() - self._since
            self.cancel()

    def cancel(self) -> None:
        self._loop.cancel(self._timer)
        self._timer = None


def in_words(milliseconds: int) -> str:
    """A span of time in its largest whole unit."""
    size, name = next(unit for unit in _UNITS if milliseconds % unit[0] == 0)
    return f"{milliseconds // size} {name}"
