"""A worker made by hand that sends as much output as it may, as fast as it can."""

import hashlib
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.edge import Caller, Worker
from tests.support.edge_jobs import Frame, granted, output, start, started

from farhand_wire import limits
from farhand_wire import spool as spools
from farhand_wire.spool import Exit, Kind
from farhand_wire.v1 import job_pb2, worker_pb2

#: Entries as the runner makes them of a full pipe, as many in a frame as fit.
PAYLOAD = spools.PAYLOAD_BYTES
ENTRIES = limits.OUTPUT_FRAME_BYTES // limits.SPOOL_ENTRY_BYTES
#: Output alone keeps no lease.
BEAT_SECONDS = 5.0


class Flood:
    """One job, its bytes, and what is told of them."""

    def __init__(self, worker: Worker, grant: worker_pb2.Grant) -> None:
        self._worker = worker
        self._grant = grant
        self.job_id = grant.job_id
        #: Bytes of the spool, and of the stream in it.
        self.size = self.written = 0
        self._crc = 0
        #: As far as it was acknowledged.
        self.stored = 0
        #: A worker that serves has said its first heartbeat.
        self._beats = 1
        self._beaten = time.monotonic()

    @classmethod
    async def begin(cls, owner: Caller, worker: Worker) -> "Flood":
        """A job of the runbook `hello` that runs on a worker that serves."""
        await start(owner)
        grant = await granted(worker)
        await worker.say(started(grant))
        return cls(worker, grant)

    def go_on(self, worker: Worker, stored: Iterable[bytes]) -> None:
        """On another stream of the worker; the server has stored these."""
        self._worker, self._beats = worker, 1
        spool = b"".join(spools.pack(Kind.OUTPUT, 0, payload) for payload in stored)
        self.size = self.stored = len(spool)
        self._crc = zlib.crc32(spool)

    async def write(self, payloads: Iterable[bytes]) -> None:
        """Sends each as an entry of the stream Output, within the window."""
        frame: list[bytes] = []
        for payload in payloads:
            frame.append(spools.pack(Kind.OUTPUT, 0, payload))
            self.written += len(payload)
            if len(frame) == ENTRIES:
                await self._send(b"".join(frame))
                frame.clear()
        if frame:
            await self._send(b"".join(frame))

    async def end(self) -> None:
        """The script exits with 0; the server knows it."""
        await self._send(spools.pack_exit(Exit(code=0), 1))
        result = worker_pb2.Result(
            job_id=self._grant.job_id,
            attempt=self._grant.attempt,
            exit=job_pb2.Exit(code=0),
            size=self.size,
            crc=self._crc,
        )
        await self._worker.say(Frame(result=result))
        await self._worker.until("result_ack")

    async def _send(self, data: bytes) -> None:
        if time.monotonic() - self._beaten > BEAT_SECONDS:
            self._beaten = time.monotonic()
            self._beats += 1
            await self._worker.beat(self._beats)
        while self.size + len(data) - self.stored > limits.WINDOW_BYTES:
            self.stored = (await self._worker.until("output_ack")).stored
        await self._worker.say(output(self._grant, self.size, data))
        self.size += len(data)
        self._crc = zlib.crc32(data, self._crc)


def pieces(data: bytes) -> Iterator[bytes]:
    """As the runner reads a full pipe."""
    for start_ in range(0, len(data), PAYLOAD):
        yield data[start_ : start_ + PAYLOAD]


async def followed(owner: Caller, job_id: str) -> tuple[int, str]:
    """Follows a job to its end: bytes of its output and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    request = job_pb2.FollowJobOutputRequest(job_id=job_id, raw=True)
    async for item in owner.stream(owner.jobs.FollowJobOutput, request):
        assert not item.HasField("omitted")
        digest.update(item.output.data)
        size += len(item.output.data)
    return size, digest.hexdigest()


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
