"""The socket of a running script: one JSON object a line each way.

Whoever connects is a process of the script's user or root, and shows the script's nonce. A line is
a question; its answer follows before the next line of the same connection is looked at. What a
script may say is in sdk/README.md.
"""

import hmac
import json
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from farhand_agent.host.linux import peer_user
from farhand_agent.host.loop import READ, WRITE, Loop
from farhand_wire import limits

_CHUNK_BYTES = 64 * 1024
#: An escaped question and its nonce.
_LINE_BYTES = 2 * limits.ASK_BYTES

Json = dict[str, Any]
#: Gives the answer to one question, now or later, once.
Reply = Callable[[Json], None]


def refused(reason: str, message: str) -> Json:
    """An answer: it was not done."""
    return {"refused": {"reason": reason, "message": message}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guests:
    """Who may ask."""

    users: Collection[int]
    nonce: str


class JobSocket:
    """Lets a script's processes in while it runs."""

    def __init__(
        self, loop: Loop, listener: socket.socket, *, asked: Callable[[Json, Reply], None]
    ) -> None:
        """`asked` gets each question, without its nonce."""
        self._loop = loop
        self._listener = listener
        self._asked = asked
        self._guests: Guests | None = None
        self._visits: set[_Visit] = set()

    def open(self, guests: Guests) -> None:
        """From now on, until `shut`."""
        self._guests = guests
        self._loop.watch(self._listener.fileno(), self._knocked)

    def shut(self) -> None:
        """The script is over: nobody is answered any more."""
        self._guests = None
        self._loop.forget(self._listener.fileno())
        for visit in list(self._visits):
            visit.end()
        # Who still waits to be let in must not be taken for somebody of the next script.
        with suppress(OSError):
            while True:
                self._listener.accept()[0].close()

    def close(self) -> None:
        self.shut()
        self._listener.close()

    def _knocked(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if self._guests is None or peer_user(connection) not in self._guests.users:
            connection.close()
            return
        visit = _Visit(self._loop, connection, heard=self._heard, ended=self._left)
        self._visits.add(visit)
        if len(self._visits) >= limits.ASKS_OPEN:
            self._loop.forget(self._listener.fileno())  # the others wait until one has left

    def _left(self, visit: "_Visit") -> None:
        self._visits.discard(visit)
        if self._guests is not None:
            self._loop.watch(self._listener.fileno(), self._knocked)

    def _heard(self, line: bytes, reply: Reply) -> None:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            reply(refused("INVALID_REQUEST", "a line is a JSON object"))
            return
        nonce = question.pop("nonce", "")
        if self._guests is None or not _is_same(nonce, self._guests.nonce):
            reply(refused("FORBIDDEN", "the nonce is not that of this job"))
            return
        self._asked(question, reply)


class _Visit:
    """One connection."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        *,
        heard: Callable[[bytes, Reply], None],
        ended: Callable[["_Visit"], None],
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._heard = heard
        self._ended = ended
        self._held = bytearray()
        self._waiting = b""
        #: A question is being answered.
        self._busy = False
        self._gone = False
        connection.setblocking(False)
        loop.watch(connection.fileno(), self._ready)

    def end(self) -> None:
        if not self._gone:
            self._gone = True
            self._loop.forget(self._connection.fileno())
            self._connection.close()
            self._ended(self)

    def _ready(self) -> None:
        try:
            data = self._connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._held += data
        if not data or len(self._held) > _LINE_BYTES:
            self.end()
        else:
            self._next()

    def _next(self) -> None:
        """The next question, if all of it is here and none is open."""
        end = self._held.find(b"\n")
        if self._busy or self._gone or end < 0:
            return
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        self._busy = True
        self._heard(line, self._reply)

    def _reply(self, answer: Json) -> None:
        if self._gone:
            return
        self._waiting = json.dumps(answer).encode() + b"\n"
        self._send()

    def _send(self) -> None:
        try:
            sent = self._connection.send(self._waiting)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.end()
            return
        self._waiting = self._waiting[sent:]
        if self._waiting:
            self._loop.watch(self._connection.fileno(), self._send, WRITE)
            return
        self._busy = False
        self._loop.watch(self._connection.fileno(), self._ready, READ)
        self._loop.after(0, self._next)


def _is_same(given: object, nonce: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode())
