"""The server's own disk: watched, so that it is never the disk that decides what is lost."""

from collections.abc import Callable
from typing import Protocol

import structlog

from farhand_server.core.events import DiskLow
from farhand_server.core.pausing import DISK_LOW
from farhand_server.room import Room

log = structlog.get_logger("farhand.disk")


class Desk(Protocol):
    """Where output arrives."""

    def pause(self, reason: str) -> None: ...
    def resume(self) -> None: ...


class DiskWatch:
    """Stops what fills the disk before it is full, and lets it go on. Loop thread only."""

    def __init__(
        self, *, room: Callable[[], Room], tell: Callable[[DiskLow], None], desk: Desk
    ) -> None:
        """`room` looks at the disk; `tell` reaches the rules."""
        self._room = room
        self._tell = tell
        self._desk = desk
        self._low = False

    def look(self) -> None:
        """Between low and ample everything stays as it is, so that it does not flutter. Raises
        OSError."""
        seen = self._room()
        if seen.is_low and not self._low:
            log.error(
                "disk almost full: no job is given away and no output taken",
                free=seen.free,
                needed=seen.needed,
                do="make room; the server then goes on by itself",
            )
            self._desk.pause(DISK_LOW)
            self._change(True)
        elif seen.is_ample and self._low:
            log.info("disk has room again", free=seen.free)
            self._desk.resume()
            self._change(False)

    def _change(self, low: bool) -> None:
        self._low = low
        self._tell(DiskLow(low=low))
