"""One Connect call: whole messages in, whole messages out.

There is one reader and one writer at a time, and a pending read is never cancelled: that would kill
the call and leak. Patience is a timer that cancels the whole call.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

from farhand_agent.errors import AgentError, Unreachable
from farhand_agent.link.refusal import explain
from farhand_wire.v1 import worker_pb2, worker_pb2_grpc

#: How long the other side may take to answer our Goodbye.
PARTING_SECONDS = 3.0


class Stream:
    """A stream to the control plane. `endpoint` names it in errors."""

    def __init__(self, channel: grpc.aio.Channel, endpoint: str) -> None:
        # The generated stub types its calls for both flavours of gRPC; this is the aio one.
        self._call: Any = worker_pb2_grpc.WorkerServiceStub(channel).Connect()
        self._endpoint = endpoint
        self._gave_up = ""
        #: What was handed over to the connection, in bytes.
        self.sent_bytes = 0

    async def receive(self) -> Sequence[worker_pb2.ServerFrame] | None:
        """The frames of the next message, None at a clean end. Raises Unreachable, Refused."""
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise explain(error, self._endpoint) from error
        except asyncio.CancelledError:
            if not self._gave_up:
                raise
            raise self._unanswered() from None
        if message is grpc.aio.EOF:
            return None
        frames: Sequence[worker_pb2.ServerFrame] = message.frames
        return frames

    async def send(self, frames: Sequence[worker_pb2.AgentFrame]) -> bool:
        """Whether the stream took it; if not, `receive` knows why."""
        message = worker_pb2.ConnectRequest(frames=frames)
        try:
            await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
            return False
        except asyncio.CancelledError:
            if not self._gave_up:
                raise
            return False
        self.sent_bytes += message.ByteSize()
        return True

    async def intermediary(self) -> str:
        """What a proxy on the way calls itself; empty if none does. Known after the first message
        was received."""
        metadata = await self._call.initial_metadata()
        return str(dict(metadata or ()).get("server", ""))

    async def part(self) -> None:
        """Half-closes; the end of the stream is the other side's answer, and comes soon."""
        try:
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
            return
        self.give_up_after(PARTING_SECONDS, "it did not close the stream")

    def give_up_after(self, seconds: float, why: str) -> asyncio.TimerHandle:
        """Ends the call unless the timer is cancelled before."""
        return asyncio.get_running_loop().call_later(seconds, self.give_up, why)

    def give_up(self, why: str) -> None:
        """Ends the call at once; a pending `receive` raises Unreachable with this cause."""
        if not self._call.done():
            self._gave_up = why
            self._call.cancel()

    def _unanswered(self) -> AgentError:
        return Unreachable(
            f"{self._endpoint} does not answer",
            why=self._gave_up,
            do="check the network between, and the server's log",
        )
