"""A program that follows jobs with the generated code, and resumes where it was."""

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from tests.support.operator import Operator

from farhand_wire.v1 import job_pb2

PATIENCE_SECONDS = 60.0


class RawFollower:
    """One follower of one job, on a connection of its own."""

    def __init__(self, contexts: Path, job: str, *, server: str = "") -> None:
        self._contexts = contexts
        self._server = server
        self._job = job
        self._operator: Operator | None = None
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
        if self._operator is not None:
            self._operator.close()
        self._operator = self._call = None

    def _stream(self) -> Iterator[job_pb2.FollowJobOutputResponse]:
        if self._operator is None or self._call is None:
            self.opened += 1
            self._operator = Operator(self._contexts, server=self._server)
            request = job_pb2.FollowJobOutputRequest(job_id=self._job, raw=True)
            if self._position is not None:
                getattr(request, "from").CopyFrom(self._position)
            self._call = self._operator.jobs.FollowJobOutput(
                request, metadata=self._operator.metadata
            )
        return self._call


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    assert isinstance(error, grpc.Call)
    return error.code()
