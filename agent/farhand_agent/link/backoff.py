"""How long to wait before the next connection: as little as possible, never in step with others."""

from collections.abc import Callable
from dataclasses import dataclass

from farhand_wire import limits

#: A stream that stood for so long was a good one.
GOOD_SECONDS = 60.0
#: Who was welcomed, for however short a time, waits no longer than after so many failures: 4 s.
#: That server is there, and misses a worker after a lease, of which two heartbeats may be over
#: when the agent notices a fault: however many follow each other, the rest must do.
WELCOMED_FAILURES = 3
#: So was one that carried so much and broke off: a proxy that bounds the body of a request must
#: not turn the rest of a large output into minutes of waiting. The server took it, so it is well.
GOOD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the last stream ended. `up_seconds` counts from Welcome, None if there was none."""

    up_seconds: float | None = None
    #: What went over it until it broke off, if the server has got on with its output meanwhile.
    carried_bytes: int = 0
    retry_after_seconds: float | None = None
    #: An operator has to look, so there is no hurry.
    held_up: bool = False
    #: One side refused what the other had said, and will do so again.
    refused: bool = False


def next_failures(failures: int, ended: Ended) -> int:
    """Failures in a row, this end included."""
    up = ended.up_seconds
    if ended.carried_bytes >= GOOD_BYTES or (up is not None and up >= GOOD_SECONDS):
        return 1
    if up is not None and not ended.refused:
        return min(failures + 1, WELCOMED_FAILURES)
    return failures + 1


def delay_seconds(failures: int, ended: Ended, random: Callable[[], float]) -> float:
    """Full jitter in a window that doubles with each failure; the server's wish comes first, with
    a jitter of its own, since it was said to everyone. `random` gives 0 to 1."""
    if ended.held_up:
        return limits.RECONNECT_CAP_SECONDS * (1 + random())
    if ended.retry_after_seconds is not None:
        return ended.retry_after_seconds * (1 + random())
    window = limits.RECONNECT_BASE_SECONDS * 2.0 ** min(failures - 1, 30)
    return min(window, limits.RECONNECT_CAP_SECONDS) * random()
