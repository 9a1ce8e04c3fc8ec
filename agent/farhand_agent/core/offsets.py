"""How far one attempt's spool has come: read from its runner, sent, stored, durable.

All four are spool offsets and never pass each other: durable <= stored <= sent <= read. What lies
between stored and sent counts against the session's window, what lies between sent and read is the
backlog that the link holds in memory.
"""

from collections import deque


class OffsetError(ValueError):
    """An offset that this spool cannot have."""


class Flow:
    """One spool on its way to the server. `read_ahead` bounds the backlog, in bytes."""

    def __init__(self, *, stored: int, durable: int, read_ahead: int) -> None:
        if not 0 <= durable <= stored:
            raise OffsetError(f"durable {durable} and stored {stored} contradict each other")
        self.durable = durable
        self.stored = stored
        self.sent = stored
        self.backlog = 0
        self._pieces: deque[int] = deque()
        self._read_ahead = read_ahead
        self._owed = 0

    @property
    def read(self) -> int:
        return self.sent + self.backlog

    @property
    def unstored(self) -> int:
        """Bytes that count against the window."""
        return self.sent - self.stored

    def arrived(self, *, offset: int, size: int) -> None:
        """A piece was read; it is never cut. Raises OffsetError if it is not the next one."""
        if offset != self.read:
            raise OffsetError(f"the runner sent offset {offset}, expected {self.read}")
        self._pieces.append(size)
        self.backlog += size

    def take(self, most: int) -> int:
        """Counts the longest run of whole pieces of at most `most` bytes as sent; its size."""
        taken = 0
        while self._pieces and taken + self._pieces[0] <= most:
            taken += self._pieces.popleft()
        self.backlog -= taken
        self.sent += taken
        self._owed += taken
        return taken

    def credit_due(self) -> int:
        """Credit that the runner gets back now: in halves, so that it is not one message a line."""
        if self._owed * 2 < self._read_ahead:
            return 0
        due, self._owed = self._owed, 0
        return due

    def acknowledged(self, *, stored: int, durable: int) -> int:
        """Moves both up (an older acknowledgement changes nothing); bytes that became durable."""
        if stored > self.sent or durable > stored:
            raise OffsetError(f"stored {stored} and durable {durable}, but {self.sent} was sent")
        freed = max(0, durable - self.durable)
        self.stored = max(self.stored, stored)
        self.durable += freed
        return freed

    def rewind(self, stored: int) -> None:
        """Goes on from `stored` with an empty backlog and full credit."""
        if stored < self.durable:
            raise OffsetError(f"{stored} was asked for, but {self.durable} was durable and is gone")
        self.stored = self.sent = stored
        self.reread()

    def reread(self) -> None:
        """Forgets what was read and not sent: reading goes on behind what was sent, with full
        credit. What is under way on the stream still counts against the window."""
        self.backlog = self._owed = 0
        self._pieces.clear()
