"""WorkerService: one listener and one writer for each stream of a worker.

The handler is the writer; when it returns, the stream ends, and with it the read that is pending.
"""

import asyncio
import contextlib
from urllib.parse import unquote

from grpc import aio

from farhand_server.engine.mailbox import Mailbox
from farhand_server.errors import ReadsNothing, ShuttingDown, TokenRefused, TooManyStreams
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.convert import sent
from farhand_server.rpc.joins import Joins
from farhand_server.rpc.listener import Context, Listener, StreamLimits
from farhand_server.rpc.proof import SessionTokens
from farhand_server.rpc.session import Stream
from farhand_wire.v1 import worker_pb2_grpc


class WorkerService(worker_pb2_grpc.WorkerServiceServicer):
    """Every stream of every worker."""

    def __init__(self, backend: Backend, *, deployment: str, streams: StreamLimits) -> None:
        self._backend = backend
        self._limits = streams
        self._deployment = deployment
        self._joins = Joins(clock=backend.clock, most=streams.refused_joins)
        self._tokens = SessionTokens(clock=backend.clock, chance=backend.chance)
        self._unproven: set[SessionId] = set()
        self._readers: set[asyncio.Task[None]] = set()
        self._listeners: set[Listener] = set()
        self._ended = asyncio.Event()
        self._closing = False

    async def drain(self, seconds: float, *, retry_after_ms: int) -> None:
        """No new streams; those that are open are told to come back, and get a while to end."""
        self._closing = True
        for listener in self._listeners:
            listener.box.put(frames.Drain(reason="the server stops", retry_after_ms=retry_after_ms))
            listener.box.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._listeners:
                    self._ended.clear()
                    await self._ended.wait()

    async def Connect(  # type: ignore[override]  # writes through the context
        self, request_iterator: object, context: Context
    ) -> None:
        if self._closing:
            raise ShuttingDown("the server is shutting down", do="connect again in a few seconds")
        if len(self._unproven) >= self._limits.unproven:
            raise TooManyStreams(
                "too many streams wait for their proof", do="connect again in a few seconds"
            )
        listener = Listener(self._stream(context), context, self._limits, self._unproven)
        self._listeners.add(listener)
        reader = asyncio.create_task(listener.listen())
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            await _write(listener, context, patience=self._limits.unread_seconds)
        finally:
            listener.close()
            self._listeners.discard(listener)
            self._ended.set()
        if reader.done():
            reader.result()
        if (refusal := listener.box.refusal) is not None:
            if isinstance(refusal, TokenRefused):
                self._joins.refused(address(context.peer()))
            raise refusal

    def _stream(self, context: Context) -> Stream:
        return Stream(
            id=SessionId(self._backend.chance(16).hex()),
            address=address(context.peer()),
            box=Mailbox(),
            backend=self._backend,
            tokens=self._tokens,
            joins=self._joins,
            deployment=self._deployment,
        )


async def _write(listener: Listener, context: Context, *, patience: float) -> None:
    """Sends everything that waits, until the box or the stream has ended, or nothing is taken."""
    try:
        while waiting := await listener.box.take():
            if any(isinstance(frame, frames.Welcome) for frame in waiting):
                listener.welcomed()
            for message in sent.messages(waiting):
                async with asyncio.timeout(patience):
                    await context.write(message)
    except TimeoutError:
        words = f"the worker has read nothing for {patience:g} s"
        listener.box.end(ReadsNothing(words, do="connect again"))
    except (aio.UsageError, aio.InternalError):
        pass  # the stream had ended


def address(peer: str) -> str:
    """The IP address in grpc's name of a peer (ipv4:10.0.0.7:4711, ipv6:%5B::1%5D:4711)."""
    family, _, rest = peer.partition(":")
    host = unquote(rest).rpartition(":")[0]
    return host.strip("[]") if family in ("ipv4", "ipv6") else peer
