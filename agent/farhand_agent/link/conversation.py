"""The talk with one runner, over its socket. A lost connection is reported, never repaired here."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from farhand_agent.core.frames import AttemptId
from farhand_agent.host import wire
from farhand_agent.host.linux import socket_address
from farhand_wire import limits, spool


class Conversation(asyncio.Protocol):
    """One runner, as the link knows it. `serial` names it to the rules."""

    def __init__(
        self,
        *,
        serial: int,
        heard: "Callable[[Conversation, wire.Message], None]",
        ended: "Callable[[Conversation], None]",
    ) -> None:
        self.serial = serial
        #: The attempt that the runner serves; None: a spare, or not known yet.
        self.id: AttemptId | None = None
        #: What is to be said at the end; set when the attempt is over and its sandbox goes.
        self.parting = b""
        #: Stays with the runner wherever its folder is moved.
        self.inode = 0
        self._heard = heard
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._decoder = wire.Decoder()
        self._pieces: deque[memoryview] = deque()

    async def dial(self, path: Path) -> bool:
        """Connects; whether somebody listens there."""
        loop = asyncio.get_running_loop()
        try:
            self.inode = os.stat(path).st_ino
            with socket_address(path) as address:
                await loop.create_unix_connection(lambda: self, address)
        except OSError:
            return False
        return True

    def say(self, message: bytes) -> None:
        """Sends, or drops if the connection is gone: a new one begins with WHAT anyway."""
        if self._transport is not None:
            self._transport.write(message)

    def hang_up(self) -> None:
        """Ends the connection without a report; what was read of it is void."""
        transport, self._transport = self._transport, None
        self._decoder = wire.Decoder()
        self._pieces.clear()
        if transport is not None:
            transport.abort()

    def keep(self, entries: bytes) -> Iterator[int]:
        """Holds spool entries in pieces that fit a row of the output store; gives their sizes."""
        view = memoryview(entries)
        while view:
            size = len(view)
            if size > limits.SPOOL_ENTRY_BYTES:
                size = spool.whole(view, limits.SPOOL_ENTRY_BYTES)
            if size == 0:
                raise wire.WireError("DATA does not hold whole entries")
            self._pieces.append(view[:size])
            yield size
            view = view[size:]

    def take(self, size: int) -> bytes:
        """The next `size` bytes that are held; they end where a piece ends."""
        pieces = []
        while size > 0:
            pieces.append(self._pieces.popleft())
            size -= len(pieces[-1])
        return b"".join(pieces)

    # ---- asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        decoder = self._decoder
        try:
            for message in decoder.feed(data):
                self._heard(self, message)
                if self._decoder is not decoder:
                    return  # hung up meanwhile
        except (wire.WireError, KeyError, TypeError, ValueError):
            self.hang_up()
            self._ended(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is not None:
            self.hang_up()
            self._ended(self)
