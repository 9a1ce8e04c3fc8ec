"""Jobs that go for good: first their output, then their rows, so that neither is left over when the
server ends in between."""

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, RemoveOutput
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.model.runbook import Runbook


def former_tests(runbook: Runbook, ctx: Context) -> list[Effect]:
    """Test runs of this runbook that are over make room for the next one."""
    over = [job for job in ctx.tx.tests(runbook.account, runbook.name) if _is_over(job, ctx)]
    return [_remove(job, ctx) for job in over]


def begin(ctx: Context) -> list[Effect]:
    """What an earlier life of the server had begun to remove."""
    return [RemoveOutput(job=job.id) for job in ctx.tx.removing()]


def removed(event: on.OutputRemoved, ctx: Context) -> list[Effect]:
    """Nothing is left of its output: the rows follow."""
    job = ctx.tx.job(event.job)
    if job is not None and job.status is JobStatus.REMOVING:
        ctx.tx.delete_job(job.id)
    return []


def _remove(job: Job, ctx: Context) -> Effect:
    ctx.tx.swap_job(job, job.become(JobStatus.REMOVING))
    return RemoveOutput(job=job.id)


def _is_over(job: Job, ctx: Context) -> bool:
    """Whether no worker can turn up with it any more: one that was given up may still run, and who
    brings a job that is not known here is not told to end it."""
    if not job.status.is_final or job.counted:
        return False
    if job.end is not None or not job.attempt or job.worker is None:
        return True
    session = ctx.live.of_worker(job.worker)
    if session is not None:
        return SpoolId(job=job.id, attempt=job.attempt) not in session.serving
    return ctx.tx.worker(job.worker) is None
