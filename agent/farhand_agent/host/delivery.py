"""The spool on its way to a link: in order, within the credit, and the exit behind everything."""

from farhand_agent.host import wire
from farhand_agent.host.door import Door
from farhand_agent.host.spool import Spool
from farhand_wire import limits


class Delivery:
    """Sends one spool to the link, from an offset."""

    def __init__(self, spool: Spool, door: Door, *, offset: int, credit: int) -> None:
        self._spool = spool
        self._door = door
        self._offset = max(offset, spool.base)
        self._credit = credit
        self._over = False

    def grant(self, credit: int) -> None:
        """The link takes so many bytes more."""
        self._credit += credit
        self.advance()

    def advance(self) -> None:
        """Send what may be sent, one message at a time: the next one when the link took it."""
        if self._over or not self._door.idle:
            return
        if self._offset < self._spool.size:
            most = min(self._credit, limits.OUTPUT_FRAME_BYTES)
            if entries := self._spool.read(self._offset, most):
                self._door.say(wire.data_head(self._offset, len(entries)), entries)
                self._offset += len(entries)
                self._credit -= len(entries)
        if self._offset == self._spool.size and self._spool.complete:
            self._over = True
            self._door.say(exited(self._spool))


def exited(spool: Spool) -> bytes:
    """EXITED for a spool that is complete."""
    assert spool.exit is not None
    how = {"code": spool.exit.code, "signal": spool.exit.signal, "reason": spool.exit.reason}
    return wire.pack(
        wire.Kind.EXITED,
        **{name: value for name, value in how.items() if value is not None},
        stopped=spool.exit.stopped,
        lost=spool.exit.lost,
        size=spool.size,
        crc=spool.crc,
    )
