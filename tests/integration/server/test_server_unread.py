"""A worker that reads nothing of what it is told: dropped, and its job goes on without a stream."""

import asyncio

import pytest
from tests.support.edge import Caller, Edge, Worker, eventually
from tests.support.edge_jobs import OUT, end, granted, output, publish, start, started

from farhand_server.app import Tuning
from farhand_server.rpc.listener import StreamLimits
from farhand_wire import spool as spools
from farhand_wire.v1 import hybrid_worker_pb2, job_pb2, worker_pb2

Frame = worker_pb2.AgentFrame
#: A small window, so that the server need not say millions of words before it has to wait.
OPTIONS = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 0))


@pytest.fixture
def tuning() -> Tuning:
    return Tuning(streams=StreamLimits(unread_seconds=0.5, frames_per_second=1_000_000))


async def test_a_worker_that_reads_nothing_is_dropped_and_its_job_is_not(
    server: Edge, worker: Worker, owner: Caller
) -> None:
    await publish(owner)
    async with server.channel(options=OPTIONS) as channel:
        deaf = Worker(channel)
        deaf.key, deaf.worker_id = worker.key, worker.worker_id
        await deaf.serve(session_number=worker.session_number)
        job = (await start(owner)).job_id
        grant = await granted(deaf)
        hi = spools.pack(OUT, 0, b"hi\n")
        await deaf.say(started(grant), output(grant, 0, hi))
        speaking = asyncio.create_task(speak_on(deaf))

        async def is_offline() -> bool:
            return await state(owner) == hybrid_worker_pb2.WORKER_STATE_OFFLINE

        await eventually(is_offline)
        speaking.cancel()
        await asyncio.wait([speaking])
        seen = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=job))
        assert seen.job.status == job_pb2.JOB_STATUS_RUNNING

        worker.session_number = deaf.session_number
        entry = worker_pb2.JournalEntry(
            job_id=job, attempt=1, phase=worker_pb2.ATTEMPT_PHASE_RUNNING, size=len(hi)
        )
        await worker.serve(journal=[entry])
        await end(worker, grant, hi)
        seen = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=job))
        assert seen.job.status == job_pb2.JOB_STATUS_COMPLETED


async def speak_on(deaf: Worker) -> None:
    """Heartbeats, each of which is answered."""
    beats = [Frame(heartbeat=worker_pb2.Heartbeat(sequence=1))] * 2_000
    while True:
        await deaf.say(*beats)


async def state(owner: Caller) -> int:
    request = hybrid_worker_pb2.GetHybridWorkerRequest(worker="w1")
    seen = await owner.ask(owner.workers.GetHybridWorker, request)
    return int(seen.worker.state)
