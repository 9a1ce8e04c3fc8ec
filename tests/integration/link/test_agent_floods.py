"""Much output at full speed and a server that is slow: no process of the agent grows with it.

FARHAND_FLOOD_MB makes it long: 10000 is what the promise says.
"""

import asyncio
import os
import zlib
from collections import defaultdict
from typing import Any

import pytest
from tests.support.agent_process import until
from tests.support.flood import peak_bytes
from tests.support.worker_jobs import Register, Start, children, connected, grant, maps
from tests.support.worker_server import ServerSession, WorkerServer

from farhand_wire import limits
from farhand_wire.v1 import worker_pb2

MB = 1_000_000
FLOOD_MB = int(os.environ.get("FARHAND_FLOOD_MB", "300"))
#: The window, what is read ahead of it, and what gRPC holds; it takes about a third of it.
GROWTH = 16 * MB


class Drain:
    """Takes the place of a spool on the server, and keeps only what can be verified."""

    def __init__(self) -> None:
        self.size = self.crc = 0

    def __len__(self) -> int:
        return self.size

    def __iadd__(self, data: bytes) -> "Drain":
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        return self


async def ended(session: ServerSession) -> worker_pb2.Result:
    """The Result; what came before it is not kept."""
    while True:
        for frame in session.heard:
            if frame.WhichOneof("frame") == "result":
                return frame.result
        session.heard.clear()
        await asyncio.sleep(0.01)


@pytest.mark.timeout(120 + FLOOD_MB)
async def test_a_flood_does_not_grow_the_agent(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    drains: Any = defaultdict(Drain)
    server.spools = drains
    agent = await start()
    session = await connected(server, agent)
    (link,) = [pid for pid in children(agent.pid) if b"grpc" in maps(pid)]
    before = peak_bytes(link), peak_bytes(agent.pid)
    session.answers = False
    job = grant(f"head -c {FLOOD_MB * MB} /dev/zero | tr '\\0' x")
    session.send(grant=job)
    drain = drains[job.job_id, 1]
    # The server takes a window full and says nothing for a while.
    await until(lambda: drain.size > limits.WINDOW_BYTES - limits.OUTPUT_FRAME_BYTES)
    session.answers = True
    ack = worker_pb2.OutputAck(job_id=job.job_id, attempt=1, stored=drain.size, durable=drain.size)
    session.send(output_ack=ack)
    result = await ended(session)

    assert (result.size, result.crc) == (drain.size, drain.crc)
    assert drain.size > FLOOD_MB * MB
    assert peak_bytes(link) - before[0] < GROWTH
    assert peak_bytes(agent.pid) - before[1] < GROWTH
