"""A program that follows jobs with the generated code, and resumes where it was."""

import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grpc

from farhand_wire.v1 import job_pb2, job_pb2_grpc

PATIENCE_SECONDS = 60.0


class RawFollower:
    """One follower of one job, on a connection of its own."""

    def __init__(self, contexts: Path, job: str, *, server: str = "") -> None:
        context = tomllib.loads(contexts.read_text())["contexts"]["default"]
        self._server = server or context["server"]
        self._roots = Path(context["ca"]).read_bytes()
        self._metadata = (("authorization", f"Bearer {context['token']}"),)
        self._job = job
        self._channel: grpc.Channel | None = None
        self._position: job_pb2.OutputPosition | None = None
        self._call: Iterator[job_pb2.FollowJobOutputResponse] | None = None
        #: What came, of standard output.
        self.output = bytearray()
        #: Streams that were opened.
        self.opened = 0
        #: Everything has come.
        self.over = False

    def read(self) -> None:
        """Takes the next message, or the end. Raises grpc.RpcError where the stream breaks; the
        next call goes on behind what came."""
        try:
            message = next(self._stream(), None)
        except grpc.RpcError:
            self.cut()
            raise
        if message is None:
            self.over = True
        elif message.HasField("output"):
            self.output += message.output.data
            self._position = message.output.next

    def read_to_the_end(self) -> None:
        """Through every break, until the server ends the stream in order: the job is final."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not self.over:
            assert time.monotonic() < until, f"not over after {len(self.output):,} bytes"
            try:
                self.read()
            except grpc.RpcError as error:
                assert _code(error) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
                time.sleep(0.05)

    def cut(self) -> None:
        """Hangs up, whatever is on its way."""
        if self._channel is not None:
            self._channel.close()
        self._channel = self._call = None

    def _stream(self) -> Iterator[job_pb2.FollowJobOutputResponse]:
        if self._call is None:
            self.opened += 1
            credentials = grpc.ssl_channel_credentials(self._roots)
            own = (("grpc.use_local_subchannel_pool", 1),)
            self._channel = grpc.secure_channel(self._server, credentials, options=own)
            request = job_pb2.FollowJobOutputRequest(job_id=self._job, raw=True)
            if self._position is not None:
                getattr(request, "from").CopyFrom(self._position)
            stub = job_pb2_grpc.JobServiceStub(self._channel)
            self._call = stub.FollowJobOutput(request, metadata=self._metadata)
        return self._call


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    assert isinstance(error, grpc.Call)
    return error.code()
