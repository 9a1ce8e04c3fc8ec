"""One connection between a link and this runner: messages in, messages out, and its end."""

import socket
from collections import deque
from collections.abc import Callable

from farhand_agent.host.loop import READ, WRITE, Loop, Timer
from farhand_agent.host.wire import Decoder, Message, WireError

_CHUNK_BYTES = 256 * 1024


class Conversation:
    """What is said in one turn of the loop leaves together."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        *,
        heard: Callable[[Message], None],
        drained: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        """`heard` may raise WireError, which ends the conversation. `drained`: nothing waits to be
        sent any more. `lost`: the peer is gone, and all that it had said was heard."""
        self._loop = loop
        self._connection = connection
        self._heard = heard
        self._drained = drained
        self._lost = lost
        self._decoder = Decoder()
        self._waiting: deque[memoryview] = deque()
        self._flushing: Timer | None = None
        self._blocked = False
        self._closed = False
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK_BYTES)
        loop.watch(connection.fileno(), self._receive)

    @property
    def idle(self) -> bool:
        """True when nothing waits to be sent."""
        return not self._waiting

    def say(self, *parts: bytes) -> None:
        """Send one message, given in parts, before this turn of the loop ends."""
        if self._closed:
            return
        self._waiting.extend(map(memoryview, parts))
        if self._flushing is None and not self._blocked:
            self._flushing = self._loop.after(0, self.flush)

    def flush(self) -> None:
        """Send what the peer takes now; the rest follows when it takes more."""
        self._loop.cancel(self._flushing)
        self._flushing = None
        if self._closed:
            return
        try:
            while self._waiting:
                self._sent(self._connection.sendmsg(self._waiting))
        except BlockingIOError:
            self._blocked = True
            self._loop.watch(self._connection.fileno(), self._ready, READ | WRITE)
        except OSError:
            self._end()
        else:
            self._drained()

    def hear_out(self) -> None:
        """Hear everything that the peer has said so far, then close: another one takes over."""
        while not self._closed and self._receive():
            pass
        self.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.cancel(self._flushing)
            self._loop.forget(self._connection.fileno())
            self._connection.close()

    def _ready(self) -> None:
        self._blocked = False
        self._loop.watch(self._connection.fileno(), self._receive)
        self.flush()
        if not self._closed:
            self._receive()

    def _receive(self) -> bool:
        """Hear what has arrived; False if nothing had."""
        try:
            data = self._connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        try:
            for message in self._decoder.feed(data):
                self._heard(message)
                if self._closed:
                    return False
        except WireError:
            data = b""
        if not data:
            self._end()
        return bool(data)

    def _end(self) -> None:
        self.close()
        self._lost()

    def _sent(self, length: int) -> None:
        while length:
            first = self._waiting.popleft()
            if length < len(first):
                self._waiting.appendleft(first[length:])
                return
            length -= len(first)
