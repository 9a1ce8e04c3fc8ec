"""What a running script says on its socket: questions go to the server by way of the link, records
of its streams into the spool."""

import json
import math
import os
import socket
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from farhand_agent.host.job_socket import Guests, JobSocket, Json, Reply, refused
from farhand_agent.host.loop import Loop
from farhand_agent.host.masker import Masker
from farhand_agent.host.wire import Kind, Message, pack
from farhand_wire import limits, spool

#: How soon a spool that was full is tried again.
_FULL_SECONDS = 0.5
#: A record is so long at most; what is more is output, and belongs into a pipe.
_RECORD_CHARACTERS = 256 * 1024
#: So much of ASKS_PER_SECOND may come at once.
_BURST_SECONDS = 2.0
_STREAMS = {stream.name.lower(): stream for stream in spool.STREAMS}

#: Puts a record into the spool; False: that is full.
Emit = Callable[[spool.Kind, bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What was asked and is not answered, and who wants to know: connections that are gone do not
    mind, and no more than so many are there."""

    message: bytes = field(repr=False)
    replies: deque[Reply] = field(default_factory=lambda: deque(maxlen=limits.ASKS_OPEN))


class Asking:
    """Of one runner, for one script after the other."""

    def __init__(
        self, loop: Loop, listener: socket.socket, *, say: Callable[[bytes], None]
    ) -> None:
        """Scripts connect to `listener`; `say` sends a message to the link, if one is there."""
        self._loop = loop
        self._socket = JobSocket(loop, listener, asked=self._heard)
        self._say = say
        self._emit: Emit | None = None
        self._masker = Masker()
        #: A secret parameter is too short to be hidden.
        self._short = False
        self._last = 0
        #: When the questions so far are paid for, at ASKS_PER_SECOND.
        self._paid = 0.0
        self._open: dict[int, _Question] = {}
        #: Which of them wait for a child.
        self._waits: dict[str, int] = {}

    def expect(self, secrets: Iterable[str]) -> Masker:
        """A script will start that knows these secrets: what hides them in its output."""
        self._masker = Masker()
        self._short = not self._hides(secrets)
        return self._masker

    def begin(self, user: int, emit: Emit) -> str:
        """It is about to start, as this user: its questions count from 1. What it has to show."""
        nonce = os.urandom(16).hex()
        self._emit, self._last = emit, 0
        self._waits.clear()
        self._socket.open(Guests(users=frozenset({0, user}), nonce=nonce))
        return nonce

    def began(self, warning: bytes) -> None:
        """It runs, and has a Warning stream; `warning` is for that, if there is any."""
        if self._short:
            self._warn()
        if warning and self._emit is not None:
            self._emit(spool.Kind.WARNING, warning)

    def end(self) -> bool:
        """It is over, and what it had asked for as well. Whether this process knew a secret."""
        self._emit = None
        self._open.clear()
        self._socket.shut()
        return self._masker.masks

    def close(self) -> None:
        """There will be no other script."""
        self._open.clear()
        self._socket.close()

    def _heard(self, question: Json, reply: Reply) -> None:
        """A question of the script."""
        if isinstance(record := question.get("emit"), dict):
            self._record(record, reply)
            return
        if isinstance(child := question.get("start_child"), dict):
            # Asked again, it must not be started twice.
            child.setdefault("job_id", str(uuid.UUID(bytes=os.urandom(16), version=4)))
        waits = _waits(question)
        if (known := self._open.get(self._waits.get(waits, 0))) is not None:
            known.replies.append(reply)  # a script that loses its patience asks again and again
            return
        try:
            message = pack(Kind.ASK, ask=self._last + 1, question=question)
        except (ValueError, RecursionError):
            reply(refused("INVALID_REQUEST", "the question is nested too deeply"))
            return
        self._last += 1
        self._open[self._last] = _Question(message=message)
        self._open[self._last].replies.append(reply)
        if waits:
            self._waits[waits] = self._last
        self._ask_in(self._debt(), self._last)

    def _debt(self) -> float:
        """Seconds until one more question may go."""
        now = self._loop.clock()
        self._paid = max(self._paid, now) + 1 / limits.ASKS_PER_SECOND
        return self._paid - now - _BURST_SECONDS

    def _ask_in(self, seconds: float, ask: int) -> None:
        emit = self._emit
        if seconds > 0:
            self._loop.after(seconds, lambda: self._ask_now(emit, ask))
        else:
            self._ask_now(emit, ask)

    def _ask_now(self, emit: Emit | None, ask: int) -> None:
        if emit is self._emit and ask in self._open:
            self._say(self._open[ask].message)

    def again(self) -> None:
        """Another link may not know what is open."""
        for question in self._open.values():
            self._say(question.message)

    def answered(self, message: Message) -> None:
        """Its secrets are masked before the script has them."""
        question = self._open.pop(message.fields["ask"], None)
        if question is None:
            return
        told = json.loads(message.data)
        if not self._hides(told["secrets"]):
            self._warn()
        for reply in question.replies:
            reply(told["answer"])

    def _hides(self, secrets: Iterable[str]) -> bool:
        """Whether all of them are hidden from now on."""
        return all([self._masker.add(secret) for secret in secrets if secret])

    def _warn(self) -> None:
        if self._emit is not None:
            self._emit(spool.Kind.WARNING, _TOO_SHORT)

    def _record(self, record: Json, reply: Reply) -> None:
        stream = _STREAMS.get(str(record.get("stream")))
        if stream is None:
            names = ", ".join(sorted(_STREAMS))
            reply(refused("INVALID_REQUEST", f"stream must be one of {names}"))
            return
        text = _progress(record) if stream is spool.Kind.PROGRESS else record.get("text")
        if not isinstance(text, str) or len(text) > _RECORD_CHARACTERS:
            words = f"text must be text of at most {_RECORD_CHARACTERS:,} characters"
            reply(refused("INVALID_REQUEST", words))
            return
        line = text if text.endswith("\n") else f"{text}\n"
        self._put(self._emit, stream, line.encode(errors="replace"), reply)

    def _put(self, emit: Emit | None, stream: spool.Kind, line: bytes, reply: Reply) -> None:
        if emit is None or emit is not self._emit:
            return  # the script is over
        if emit(stream, line):
            reply({"done": {}})
        else:
            self._loop.after(_FULL_SECONDS, lambda: self._put(emit, stream, line, reply))


_TOO_SHORT = b"farhand: a secret of this job is too short to be masked in its output\n"


def _waits(question: Json) -> str:
    """The child that it waits for, if it does."""
    asked = question.get("get_child")
    if not isinstance(asked, dict) or not asked.get("wait"):
        return ""
    return str(asked.get("job_id"))


def _progress(record: Json) -> str:
    """A record of progress is one line of JSON: activity, status, percent."""
    percent = record.get("percent")
    made: Json = {"activity": str(record.get("activity") or "")}
    if record.get("status"):
        made["status"] = str(record["status"])
    if isinstance(percent, int | float) and math.isfinite(percent):
        made["percent"] = max(0, min(100, round(percent)))
    return json.dumps(made, ensure_ascii=False)
