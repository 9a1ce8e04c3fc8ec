"""Frames of an old session on a new stream: refused or without effect, and counted."""

from dataclasses import dataclass

import pytest
from tests.support.edge import Caller, Worker, refusal
from tests.support.edge_jobs import OUT, end, granted, output, publish, result, start, started

from farhand_wire import spool as spools
from farhand_wire.v1 import hybrid_worker_pb2, job_pb2, worker_pb2

Frame = worker_pb2.AgentFrame
FIRST = spools.pack(OUT, 0, b"first\n")
SECOND = spools.pack(OUT, 1, b"second\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was said on the stream before this one."""

    accept: Frame
    #: A job that is over.
    done: worker_pb2.Grant
    #: A job that runs on.
    running: worker_pb2.Grant


@pytest.fixture
async def past(owner: Caller, worker: Worker) -> Past:
    """The worker is back on a new stream, with a job that it had before."""
    await publish(owner)
    await worker.serve()
    job = await start(owner)
    frame = await worker.next()
    if frame is not None and frame.WhichOneof("frame") == "offer":
        accept = Frame(accept=worker_pb2.Accept(offer_id=frame.offer.offer_id))
        await worker.say(accept)
        done = await granted(worker)
    else:
        assert frame is not None
        accept, done = Frame(accept=worker_pb2.Accept(offer_id="f" * 32)), frame.grant
    assert done.job_id == job.job_id
    await worker.say(started(done), output(done, 0, FIRST))
    await end(worker, done, FIRST)
    await start(owner)
    running = await granted(worker)
    await worker.say(started(running), output(running, 0, FIRST))
    await worker.until("output_ack")
    worker.call.cancel()
    entry = worker_pb2.JournalEntry(
        job_id=running.job_id,
        attempt=1,
        phase=worker_pb2.ATTEMPT_PHASE_RUNNING,
        size=len(FIRST),
    )
    await worker.serve(journal=[entry])
    return Past(accept=accept, done=done, running=running)


async def refused(owner: Caller) -> dict[str, int]:
    """Frames of the worker that were refused, by reason."""
    request = hybrid_worker_pb2.GetHybridWorkerRequest(worker="w1")
    seen = await owner.ask(owner.workers.GetHybridWorker, request)
    return dict(seen.worker.refused_frames)


async def printed(owner: Caller, grant: worker_pb2.Grant) -> str:
    request = job_pb2.ReadJobOutputRequest(job_id=grant.job_id)
    answers = await owner.all(owner.jobs.ReadJobOutput, request)
    return "".join(answer.output.text for answer in answers)


async def test_the_answer_to_an_old_offer_is_worth_nothing(worker: Worker, past: Past) -> None:
    await worker.say(past.accept)

    withdraw = await worker.until("withdraw")
    assert withdraw.offer_id == past.accept.accept.offer_id


@pytest.mark.parametrize("kind", ["started", "not_started"])
async def test_the_beginning_of_a_job_that_is_over_is_counted_and_forgotten(
    owner: Caller, worker: Worker, past: Past, kind: str
) -> None:
    body = {"job_id": past.done.job_id, "attempt": 1}
    await worker.say(Frame(**{kind: body}))

    assert (await worker.until("result_ack")).job_id == past.done.job_id
    name = "Started" if kind == "started" else "NotStarted"
    assert await refused(owner) == {f"{name} of an attempt that is over": 1}
    await still_runs(owner, worker, past)


@pytest.mark.parametrize("kind", ["output", "result"])
async def test_output_and_result_of_a_job_that_is_over_end_the_stream(
    owner: Caller, worker: Worker, past: Past, kind: str
) -> None:
    again = output(past.done, 0, FIRST) if kind == "output" else result(past.done, FIRST, code=1)
    await worker.say(again)

    assert (await refusal(worker.call)).reason == "PROTOCOL_VIOLATION"
    words = "output or result of an attempt that is not this worker's"
    assert await refused(owner) == {words: 1}
    seen = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=past.done.job_id))
    assert (seen.job.status, seen.job.exit_code) == (job_pb2.JOB_STATUS_COMPLETED, 0)
    assert await printed(owner, past.done) == "first\n"


async def test_output_that_came_before_is_dropped_whatever_it_says(
    owner: Caller, worker: Worker, past: Past
) -> None:
    await worker.say(output(past.running, 0, spools.pack(OUT, 0, b"other\n")))
    await still_runs(owner, worker, past)


async def test_a_result_of_an_attempt_that_runs_on_is_refused(
    owner: Caller, worker: Worker, past: Past
) -> None:
    """It says that the spool ends before what is stored of it."""
    await worker.say(result(past.running, b""))

    assert (await refusal(worker.call)).reason == "PROTOCOL_VIOLATION"
    assert await refused(owner) == {"a result that is shorter than its output": 1}
    request = job_pb2.GetJobRequest(job_id=past.running.job_id)
    seen = await owner.ask(owner.jobs.GetJob, request)
    assert seen.job.status == job_pb2.JOB_STATUS_RUNNING


async def still_runs(owner: Caller, worker: Worker, past: Past) -> None:
    """The job that runs on prints and ends as if nothing had been said."""
    await worker.say(output(past.running, len(FIRST), SECOND))
    await end(worker, past.running, FIRST + SECOND)
    assert await printed(owner, past.running) == "first\nsecond\n"
