"""Two clocks that never mix: patience is monotonic, dates are for people and expiry."""

from dataclasses import dataclass
from typing import NewType

#: Seconds of a monotonic clock; only differences mean anything.
Instant = NewType("Instant", float)
#: Milliseconds since 1970, UTC, by this server's clock.
UnixMs = NewType("UnixMs", int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One moment on both clocks."""

    instant: Instant
    unix_ms: UnixMs
