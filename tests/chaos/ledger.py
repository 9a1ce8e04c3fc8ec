"""What the server holds of every job when all is over."""

import asyncio
import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import grpc
from tests.chaos.client import Client, status_of
from tests.chaos.history import Ending, JobHistory, Move, Place
from tests.chaos.witness import oaths

from farhand_server.model.job import JobStatus
from farhand_wire.v1 import job_pb2

#: Reads at the same time.
READERS = 8


async def read_ledger(
    histories: Iterable[JobHistory], client: Client, *, state: Path, witness: Path
) -> None:
    """Completes the histories."""
    every = list(histories)
    sworn, moved = oaths(witness), moves(state)
    readers = asyncio.Semaphore(READERS)

    async def complete(history: JobHistory) -> None:
        async with readers:
            await _read(history, client)
        history.oaths = sworn.get(history.job, [])
        history.moves = moved.get(history.job, [])

    await asyncio.gather(*(complete(history) for history in every))


def moves(state: Path) -> dict[str, list[Move]]:
    """Every change of status that was committed, by job."""
    found: defaultdict[str, list[Move]] = defaultdict(list)
    uri = f"{state.as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        rows = database.execute("SELECT job, status, attempt FROM chaos_moves ORDER BY number")
        for job, status, attempt in rows:
            found[job].append(Move(status=JobStatus(status), attempt=attempt))
    return found


async def _read(history: JobHistory, client: Client) -> None:
    try:
        job = await client.get(history.job)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return
        raise
    history.ending = ending(job)
    stored: defaultdict[Place, bytearray] = defaultdict(bytearray)
    async for item in client.read(history.job):
        if item.HasField("omitted"):
            history.omitted += 1
        else:
            stored[max(item.output.next.attempt, 1), int(item.output.stream)] += item.output.data
    history.stored = {place: bytes(data) for place, data in stored.items()}


def ending(job: job_pb2.Job) -> Ending:
    return Ending(
        status=status_of(job),
        attempt=job.attempt,
        details=job.status_details,
        code=job.exit_code if job.HasField("exit_code") else None,
        signal=job.signal if job.HasField("signal") else None,
        created=job.create_time.ToMicroseconds() / 1e6,
        ended=job.end_time.ToMicroseconds() / 1e6 if job.HasField("end_time") else None,
    )
