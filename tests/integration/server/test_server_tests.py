"""Test runs of drafts over the wire."""

from contextlib import closing
from typing import Any

from tests.support.edge import Caller, Edge, Worker, eventually, refusal
from tests.support.edge_jobs import OUT, end, granted, output, publish, start, started

from farhand_server.store.sqlite import completeness
from farhand_server.store.sqlite.connection import open_reader
from farhand_wire import spool as spools
from farhand_wire.spool import STREAMS
from farhand_wire.v1 import job_pb2, runbook_pb2, worker_pb2

DRAFT = b"echo draft\n"
SPOOL = b"".join(spools.pack(kind, 1, f"{kind.name}\n".encode()) for kind in sorted(STREAMS))


async def drafted(owner: Caller) -> None:
    """Runbook hello is published, and its draft differs."""
    await publish(owner)
    request = runbook_pb2.ImportRunbookRequest(
        name="hello", type=runbook_pb2.RUNBOOK_TYPE_BASH, content=DRAFT, force=True
    )
    await owner.ask(owner.runbooks.ImportRunbook, request)


async def trial(owner: Caller, worker: Worker, sent: bytes = SPOOL) -> worker_pb2.Grant:
    """A test that ran to its end."""
    await start(owner, test=True)
    grant = await granted(worker)
    await worker.say(started(grant), output(grant, 0, sent))
    await end(worker, grant, sent)
    return grant


async def read(owner: Caller, job: str, **fields: Any) -> list[str]:
    request = job_pb2.ReadJobOutputRequest(job_id=job, **fields)
    answers = await owner.all(owner.jobs.ReadJobOutput, request)
    return [answer.output.text.rstrip() for answer in answers]


async def listed(owner: Caller) -> list[str]:
    answer = await owner.ask(owner.jobs.ListJobs, job_pb2.ListJobsRequest())
    return [job.job_id for job in answer.jobs]


async def test_a_test_runs_the_draft_and_is_in_no_list(owner: Caller, worker: Worker) -> None:
    await drafted(owner)
    await worker.serve()
    grant = await trial(owner, worker)
    request = job_pb2.GetJobRequest(job_id=grant.job_id[:-4])
    job = (await owner.ask(owner.jobs.GetJob, request)).job

    assert (grant.script, grant.runbook_version) == (DRAFT, 0)
    assert (job.job_id, job.test, job.runbook_version) == (grant.job_id, True, 0)
    assert job.status == job_pb2.JOB_STATUS_COMPLETED
    assert await listed(owner) == []


async def test_a_test_shows_three_streams_and_the_others_when_they_are_named(
    owner: Caller, worker: Worker
) -> None:
    await drafted(owner)
    wanted = runbook_pb2.Runbook(name="hello", log_verbose=True, log_progress=True)
    request = runbook_pb2.UpdateRunbookRequest(runbook=wanted)
    request.update_mask.paths.extend(["log_verbose", "log_progress"])
    await owner.ask(owner.runbooks.UpdateRunbook, request)
    await worker.serve()
    grant = await trial(owner, worker)

    assert await read(owner, grant.job_id) == ["OUTPUT", "ERROR", "WARNING"]
    for stream in ("VERBOSE", "PROGRESS", "DEBUG"):
        assert await read(owner, grant.job_id, streams=[f"JOB_STREAM_{stream}"]) == [stream]


async def test_a_test_that_waits_can_be_stopped(owner: Caller, worker: Worker) -> None:
    await drafted(owner)
    job = await start(owner, test=True)
    request = job_pb2.StopJobRequest(job_id=job.job_id)
    stopped = (await owner.ask(owner.jobs.StopJob, request)).job

    assert stopped.status == job_pb2.JOB_STATUS_STOPPED


async def test_the_next_test_takes_rows_and_output_of_the_one_before_away(
    owner: Caller, worker: Worker, server: Edge
) -> None:
    await drafted(owner)
    await worker.serve()
    former = await trial(owner, worker, spools.pack(OUT, 0, b"canary-41f7\n"))
    latest = await trial(owner, worker)
    gone = job_pb2.GetJobRequest(job_id=former.job_id)

    refused = await refusal(owner.ask(owner.jobs.GetJob, gone))
    assert refused.reason == "JOB_NOT_FOUND"
    assert await read(owner, latest.job_id) == ["OUTPUT", "ERROR", "WARNING"]

    async def is_gone() -> bool:
        return not any(count_rows(server, former.job_id))

    await eventually(is_gone)
    found = completeness(server.data / "farhand.db", server.data / "output.db")
    assert (found.lacking_count, found.broken_count) == (0, 0)


async def test_a_test_goes_with_its_runbook(owner: Caller, worker: Worker, server: Edge) -> None:
    await drafted(owner)
    await worker.serve()
    grant = await trial(owner, worker)
    request = runbook_pb2.DeleteRunbookRequest(runbook="hello")
    await owner.ask(owner.runbooks.DeleteRunbook, request)

    async def is_gone() -> bool:
        return not any(count_rows(server, grant.job_id))

    await eventually(is_gone)


def count_rows(server: Edge, job: str) -> list[int]:
    """Of the job and its attempts, and of its spools and chunks."""
    counts = []
    for name, sql in (
        ("farhand.db", "SELECT count(*) FROM jobs WHERE id = ?"),
        ("farhand.db", "SELECT count(*) FROM attempts WHERE job = ?"),
        ("output.db", "SELECT count(*) FROM spools WHERE job = ?"),
        (
            "output.db",
            "SELECT count(*) FROM chunks JOIN spools ON spools.id = chunks.spool WHERE job = ?",
        ),
    ):
        with closing(open_reader(server.data / name)) as connection:
            counts.append(int(connection.execute(sql, (job,)).fetchone()[0]))
    return counts
