"""The reading half of one stream: frames go to its stage, one after the other.

It is a task of its own and is never cancelled: a cancelled read would leak in grpc.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from grpc import aio

from farhand_server.errors import ProtocolViolation, Refusal
from farhand_server.model.identifiers import SessionId
from farhand_server.rpc.bucket import Bucket
from farhand_server.rpc.greeting import Greeting
from farhand_server.rpc.session import Over, Probe, Session, Stage, Stream
from farhand_server.rpc.validate import check
from farhand_wire import limits
from farhand_wire.v1 import worker_pb2

log = structlog.get_logger("farhand.connect")

Context = aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """What is granted to connections and streams that have not, or only just, proven themselves."""

    #: Of TCP, until TLS and the begin of HTTP/2 are done.
    handshake_seconds: float = limits.HANDSHAKE_SECONDS
    proof_seconds: float = limits.PROOF_SECONDS
    probe_seconds: float = limits.PROBE_SECONDS
    #: How long a worker may leave a message unread.
    unread_seconds: float = limits.UNREAD_SECONDS
    unproven: int = limits.UNPROVEN_STREAMS
    #: Registrations from one address that may be refused in a row.
    refused_joins: int = 10
    #: Frames of one stream; twice as many may come at once. A busy worker sends 2,000.
    frames_per_second: int = 5_000


class Listener:
    """The reading half of one stream."""

    def __init__(
        self,
        stream: Stream,
        context: Context,
        granted: StreamLimits,
        unproven: set[SessionId],
    ) -> None:
        self.box = stream.box
        self._stream = stream
        self._context = context
        self._limits = granted
        self._unproven = unproven
        self._unproven.add(stream.id)
        self._stage: Stage = Greeting(stream)
        self._pace = Bucket(per_second=granted.frames_per_second)
        self._told = False
        self._closed = False
        self._timer = self._after(granted.proof_seconds, self._too_late)

    async def listen(self) -> None:
        """Hears frames until the stream ends, for whatever reason."""
        try:
            while (message := await self._context.read()) is not aio.EOF:
                await self._hear(message)
                await self._rest(1 + len(message.frames))
        except Refusal as refusal:
            self.box.end(refusal)
        except aio.BaseError:
            pass  # the stream had ended while we read
        finally:
            self.box.end()

    def welcomed(self) -> None:
        """A Welcome is about to leave."""
        if isinstance(self._stage, Session):
            self._stage.welcomed()

    def close(self) -> None:
        """The stream is over; the rules hear of it if they knew it."""
        self._closed = True
        self._timer.cancel()
        self._unproven.discard(self._stream.id)
        self.box.end()
        if self._told:
            self._lose()

    def _lose(self) -> None:
        clean = isinstance(self._stage, Over)
        log.info("session ended", session=self._stream.id, clean=clean)
        self._stream.backend.rules.lose(self._stream.id, clean=clean)

    async def _hear(self, message: worker_pb2.ConnectRequest) -> None:
        if len(message.frames) > limits.FRAMES_PER_MESSAGE:
            words = f"a message holds {limits.FRAMES_PER_MESSAGE} frames at most"
            self._count("message", ProtocolViolation(words))
            raise ProtocolViolation(words)
        over = {_attempt(frame.result) for frame in message.frames if frame.HasField("result")}
        for index, frame in enumerate(message.frames):
            if self.box.ended:
                return  # what is still on its way is ignored
            if over and frame.HasField("started") and _attempt(frame.started) in over:
                continue  # its result comes along and says more
            kind = frame.WhichOneof("frame") or "an empty or unknown frame"
            try:
                body = getattr(frame, kind, None)
                if body is not None:
                    check(body, f"frames[{index}].{kind}.")
                self._advance(await self._stage.hear(kind, body))
            except Refusal as refusal:
                self._count(kind, refusal)
                raise

    async def _rest(self, frames: int) -> None:
        """Who says too much is heard more slowly, so that others are heard, too."""
        most, clock = 2 * self._limits.frames_per_second, self._stream.backend.clock
        surplus = self._pace.add(frames, clock.monotonic()) - most
        if surplus > 0:
            await asyncio.sleep(surplus / self._limits.frames_per_second)

    def _advance(self, stage: Stage) -> None:
        if stage is self._stage:
            return
        self._stage = stage
        match stage:
            case Session():
                self._told = True
                self._proven()
                if self._closed:
                    self._lose()  # it ended while its proof was looked at
            case Probe():
                self._proven()
                self._timer = self._after(self._limits.probe_seconds, stage.over)

    def _proven(self) -> None:
        self._timer.cancel()
        self._unproven.discard(self._stream.id)

    def _after(self, seconds: float, act: Any) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, act)

    def _too_late(self) -> None:
        words = f"no Proof within {self._limits.proof_seconds:g} s"
        self.box.end(ProtocolViolation(words))

    def _count(self, kind: str, refusal: Refusal) -> None:
        """A rule that was broken is named as it is; of bad fields only that there were some."""
        broken = isinstance(refusal, ProtocolViolation)
        reason = refusal.message if broken else f"{kind}: {refusal.reason.lower()}"
        switchboard = self._stream.backend.switchboard
        if self._stage.worker is not None:
            switchboard.count(self._stage.worker, reason)
        else:
            switchboard.blame(self._stream.id, reason)


def _attempt(frame: worker_pb2.Result | worker_pb2.Started) -> tuple[str, int]:
    return frame.job_id, frame.attempt
