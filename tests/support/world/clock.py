"""Time that stands still until somebody moves it."""

from farhand_server.model.clock import UnixMs


class WorldClock:
    """An integer of milliseconds, read as both clocks of the server and as the agent's."""

    def __init__(self) -> None:
        self.ms = 10_000
        #: How far the date is off; steps of it must change no decision.
        self.wall_ms = 0

    def monotonic(self) -> float:
        return self.ms / 1000

    def unix_ms(self) -> UnixMs:
        return UnixMs(1_700_000_000_000 + self.ms + self.wall_ms)
