"""The life of a job over the wire: frozen, resumed, given up, and how it is delivered."""

from typing import Any

import pytest
from tests.support.edge import Caller, Worker, refusal
from tests.support.edge_jobs import Frame, end, granted, publish, start, started

from farhand_wire.v1 import account_pb2, delivery_pb2, job_pb2, runbook_pb2, worker_pb2


async def running(owner: Caller, worker: Worker) -> worker_pb2.Grant:
    """A job that the worker has started."""
    await publish(owner)
    await worker.serve()
    await start(owner)
    grant = await granted(worker)
    await worker.say(started(grant))
    return grant


async def shown(owner: Caller, grant: worker_pb2.Grant) -> Any:
    return await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=grant.job_id))


async def watched(owner: Caller, grant: worker_pb2.Grant, status: str) -> job_pb2.Job:
    """The job, as soon as it is so."""
    wanted = job_pb2.JobStatus.Value(f"JOB_STATUS_{status}")
    request = job_pb2.WatchJobRequest(job_id=grant.job_id)
    async for answer in owner.stream(owner.jobs.WatchJob, request):
        if answer.job.status == wanted:
            job: job_pb2.Job = answer.job
            return job
    raise AssertionError(f"never {status}")


async def test_a_job_is_frozen_and_goes_on(owner: Caller, worker: Worker) -> None:
    grant = await running(owner, worker)
    attempt: dict[str, Any] = {"job_id": grant.job_id, "attempt": grant.attempt}
    await owner.ask(owner.jobs.SuspendJob, job_pb2.SuspendJobRequest(job_id=grant.job_id))
    freeze = await worker.until("freeze")
    assert (freeze.job_id, freeze.attempt) == (grant.job_id, 1)

    await worker.say(Frame(frozen=worker_pb2.Frozen(**attempt)))
    frozen = await watched(owner, grant, "SUSPENDED")
    assert frozen.suspension == job_pb2.SUSPENSION_FROZEN

    await owner.ask(owner.jobs.ResumeJob, job_pb2.ResumeJobRequest(job_id=grant.job_id))
    await worker.until("thaw")
    await worker.say(Frame(thawed=worker_pb2.Thawed(**attempt)))
    await watched(owner, grant, "RUNNING")
    await end(worker, grant, b"")
    assert (await shown(owner, grant)).job.attempt == 1


async def test_a_job_that_was_given_up_shows_its_attempts(owner: Caller, worker: Worker) -> None:
    grant = await running(owner, worker)
    request = job_pb2.ForceCloseJobRequest(job_id=grant.job_id, reason="the rack is gone")
    closed = (await owner.ask(owner.jobs.ForceCloseJob, request)).job

    assert closed.status == job_pb2.JOB_STATUS_FAILED
    assert "force-closed by owner: the rack is gone" in closed.status_details
    assert not closed.HasField("exit_code")
    assert (await worker.until("stop")).job_id == grant.job_id
    (attempt,) = (await shown(owner, grant)).attempts
    assert (attempt.attempt, attempt.worker, attempt.outcome) == (1, "w1", "force-closed")


async def test_a_stop_carries_its_grace(owner: Caller, worker: Worker) -> None:
    grant = await running(owner, worker)
    request = job_pb2.StopJobRequest(job_id=grant.job_id)
    request.grace.FromMilliseconds(1500)
    await owner.ask(owner.jobs.StopJob, request)

    assert (await worker.until("stop")).grace_ms == 1500


async def test_a_runbook_says_how_its_jobs_are_delivered(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    wanted = runbook_pb2.Runbook(name="hello", delivery=delivery_pb2.DELIVERY_AT_LEAST_ONCE)
    wanted.timeout.FromSeconds(90)
    request = runbook_pb2.UpdateRunbookRequest(runbook=wanted)
    request.update_mask.FromJsonString("delivery,timeout")
    saved = (await owner.ask(owner.runbooks.UpdateRunbook, request)).runbook
    assert (saved.delivery, saved.timeout.seconds) == (delivery_pb2.DELIVERY_AT_LEAST_ONCE, 90)

    await worker.serve()
    job = await start(owner)
    assert job.delivery == delivery_pb2.DELIVERY_AT_LEAST_ONCE
    assert (job.lost_after.seconds, job.timeout.seconds) == (300, 90)
    assert (await granted(worker)).timeout_ms == 90_000


async def test_the_account_decides_for_the_others(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    wanted = delivery_pb2.DELIVERY_AT_LEAST_ONCE
    update = account_pb2.UpdateAccountRequest(delivery=wanted)
    await owner.ask(owner.account.UpdateAccount, update)

    assert (await start(owner)).delivery == wanted
    answer = await owner.ask(owner.account.GetAccount, account_pb2.GetAccountRequest())
    assert answer.delivery == wanted


@pytest.mark.parametrize(
    ("mask", "field"), [("", "update_mask"), ("name,delivery", "update_mask.paths[0]")]
)
async def test_only_settings_can_be_updated(owner: Caller, mask: str, field: str) -> None:
    await publish(owner)
    request = runbook_pb2.UpdateRunbookRequest(runbook=runbook_pb2.Runbook(name="hello"))
    request.update_mask.FromJsonString(mask)
    refused = await refusal(owner.runbooks.UpdateRunbook(request, metadata=owner.metadata))

    assert list(refused.fields) == [field]
