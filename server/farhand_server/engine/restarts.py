"""How long agents stay away after a commit that failed: while a disk is full, they must not all
come back again and again."""

from farhand_server.engine.ports import Clock
from farhand_wire import limits


class Restarts:
    """Counts failures that follow each other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed_at: float | None = None
        self._delay_ms = limits.RESTART_MS

    def delay_ms(self) -> int:
        """Something failed just now: agents come back after this."""
        now, before = self._clock.monotonic(), self._failed_at
        self._failed_at = now
        if before is None or now - before > limits.RESTART_CALM_SECONDS:
            self._delay_ms = limits.RESTART_MS
        else:
            self._delay_ms = min(2 * self._delay_ms, limits.RESTART_MS_MOST)
        return self._delay_ms
