"""A proven stream: a session of a worker, or a probe that only looks.

What a stream may say depends on how far it has come; each stage is a class, and hearing a frame
gives the next one.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from farhand_server.core.events import Resigned, Said
from farhand_server.engine.mailbox import Mailbox
from farhand_server.errors import ProtocolViolation
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId, WorkerId
from farhand_server.rpc.asking import Asking
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.convert import said
from farhand_server.rpc.joins import Joins
from farhand_server.rpc.proof import SessionTokens
from farhand_wire import limits

log = structlog.get_logger("farhand.connect")

#: A worker that lets more wait does not read what it is told.
UNREAD_FRAMES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What every stage of one stream knows."""

    id: SessionId
    #: Where its peer comes from, an IP address where there is one.
    address: str
    box: Mailbox
    backend: Backend
    tokens: SessionTokens
    joins: Joins
    #: Of this control plane.
    deployment: str


class Stage(Protocol):
    """How far a stream has come. A stage with a worker is proven."""

    @property
    def worker(self) -> WorkerId | None: ...

    async def hear(self, kind: str, body: Any) -> "Stage":
        """Takes one frame; gives the stage that follows. Raises Refusal: the stream ends."""
        ...


class Session:
    """The rules know this stream; frames go to them, output goes past them."""

    def __init__(self, stream: Stream, worker: WorkerId | None) -> None:
        self.worker = worker
        self._stream = stream
        self._asking = Asking(stream.id, stream.backend)
        self._welcomed = False

    def welcomed(self) -> None:
        """The Welcome is on its way: from now on the worker may speak."""
        self._welcomed = True
        log.info(
            "session", session=self._stream.id, worker=self.worker, address=self._stream.address
        )

    async def hear(self, kind: str, body: Any) -> Stage:
        if kind == "goodbye":
            self._stream.box.end()
            return Over(self.worker)
        frame = None if kind == "ask" else said.model(kind, body)
        if frame is None and kind != "ask":
            raise ProtocolViolation(f"{kind} is not a frame of an open session")
        if not self._welcomed:
            raise ProtocolViolation(f"{kind} before Welcome")
        if self._stream.box.waiting > UNREAD_FRAMES:
            raise ProtocolViolation(f"{kind} while {UNREAD_FRAMES:,} frames wait to be read")
        backend = self._stream.backend
        match frame:
            case None:
                self._asking.hear(body)
            case frames.Output():
                backend.desk.output(self._stream.id, frame)
            case frames.Result():
                backend.desk.result(self._stream.id, frame)
            case _:
                backend.rules.tell(Said(session=self._stream.id, frame=frame))
        return self


class Probe:
    """Somebody looks: gets Welcome and HeartbeatAck, takes over nothing, is offered nothing."""

    def __init__(self, stream: Stream, worker: WorkerId, *, by_key: bool) -> None:
        self.worker: WorkerId | None = worker
        self._id = worker
        self._stream = stream
        #: Proven by the worker's key, not by a token that somebody may have been given.
        self._by_key = by_key

    def welcome(self, *, token: str = "") -> None:
        """Says what a session would get, with a token for the next look."""
        self._stream.box.put(
            frames.Welcome(
                session_number=0,
                server_time_ms=self._stream.backend.clock.unix_ms(),
                heartbeat_ms=int(limits.HEARTBEAT_SECONDS * 1000),
                lease_ms=int(limits.LEASE_SECONDS * 1000),
                session_token=token,
            )
        )

    def over(self) -> None:
        """Its time is up."""
        self._stream.box.put(frames.Goodbye(reason="a probe ends after a while"))
        self._stream.box.end()

    async def hear(self, kind: str, body: Any) -> Stage:
        match kind:
            case "heartbeat":
                now = self._stream.backend.clock.unix_ms()
                ack = frames.HeartbeatAck(sequence=body.sequence, server_time_ms=now)
                self._stream.box.put(ack)
                return self
            case "leave" if self._by_key:
                await self._leave(force=body.force)
                return Over(self.worker)
            case "goodbye":
                self._stream.box.end()
                return Over(self.worker)
        raise ProtocolViolation(f"{kind} is not allowed: a probe only looks")

    async def _leave(self, *, force: bool) -> None:
        """`farhand-agent remove`: the worker goes without having been a session."""
        await self._stream.backend.ask(
            type(None), lambda call: Resigned(call=call, worker=self._id, force=force)
        )
        self._stream.box.put(frames.Goodbye(reason="the worker was removed"))
        self._stream.box.end()


@dataclass(frozen=True, slots=True)
class Over:
    """The worker said Goodbye."""

    worker: WorkerId | None

    async def hear(self, kind: str, body: Any) -> Stage:
        raise ProtocolViolation(f"{kind} after Goodbye")


def secret_hash(token: str) -> str:
    """How secrets are known on this side of the edge."""
    return hashlib.sha256(token.encode()).hexdigest()
