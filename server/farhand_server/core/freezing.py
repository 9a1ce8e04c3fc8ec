"""A job that stands still for a while: a person asks, its worker does it and says so."""

from dataclasses import replace

from farhand_server.core import dispatch, orders
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect, Wake
from farhand_server.core.finding import find_job
from farhand_server.errors import JobNotResumable, JobNotSuspendable
from farhand_server.model import frames
from farhand_server.model.job import Job, JobStatus, Suspension


def suspend(event: on.SuspendJob, ctx: Context) -> list[Effect]:
    """Freezes whatever runs; Suspended is said when all of it stands still."""
    job = find_job(event, ctx)
    match job.status:
        case JobStatus.SUSPENDING | JobStatus.SUSPENDED:
            return [Answer(call=event.call, value=job)]
        case JobStatus.ACTIVATING | JobStatus.RUNNING:
            asked = job.become(JobStatus.SUSPENDING, details=f"asked for by {event.by.name}")
            return _change(job, asked, event, ctx)
    raise JobNotSuspendable(
        f"job {job.id} is {job.status.name.capitalize()}: only a job that runs can be frozen",
        why=_why_not(job),
        do=f"stop it: farhand job stop {job.id}" if not job.status.is_final else "",
    )


def resume(event: on.ResumeJob, ctx: Context) -> list[Effect]:
    """Thaws a frozen job. Any other that is Suspended gets a new attempt: somebody has decided that
    it may run once more."""
    job = find_job(event, ctx)
    match job.status:
        case JobStatus.RESUMING:
            return [Answer(call=event.call, value=job)]
        case JobStatus.SUSPENDING:
            return _change(job, job.become(JobStatus.RESUMING), event, ctx)
        case JobStatus.SUSPENDED if job.is_frozen:
            return _change(job, job.become(JobStatus.RESUMING), event, ctx)
        case JobStatus.SUSPENDED:
            again = replace(job.wait_again(), counted=0)
            ctx.tx.swap_job(job, again)
            ctx.live.queues.add(job.group)
            effects = dispatch.dispatch(job.group, ctx)
            now = ctx.tx.job(job.id) or again
            return [Wake(job=again), *effects, Answer(call=event.call, value=now)]
    raise JobNotResumable(
        f"job {job.id} is {job.status.name.capitalize()}: only a suspended job can be resumed",
        do=f"see: farhand job show {job.id}",
    )


def _change(
    job: Job, asked: Job, event: on.SuspendJob | on.ResumeJob, ctx: Context
) -> list[Effect]:
    ctx.tx.swap_job(job, asked)
    return [*orders.tell(asked, ctx), Wake(job=asked), Answer(call=event.call, value=asked)]


def frozen(job: Job, ctx: Context) -> list[Effect]:
    """All of it stands still. Whoever wants something else of it meanwhile has told the worker."""
    if job.status in (JobStatus.STOPPING, JobStatus.RESUMING) or job.is_frozen:
        return []
    asked = f", {job.details}" if job.status is JobStatus.SUSPENDING else ""
    still = job.suspend(Suspension.FROZEN, details=f"frozen on {job.worker_name}{asked}")
    return [Wake(job=still)] if ctx.tx.swap_job(job, still) else []


def thawed(job: Job, ctx: Context) -> list[Effect]:
    """It goes on."""
    if job.status is not JobStatus.RESUMING and not job.is_frozen:
        return []
    running = job.become(JobStatus.RUNNING)
    return [Wake(job=running)] if ctx.tx.swap_job(job, running) else []


def heard(job: Job, frame: frames.Frozen | frames.Thawed, ctx: Context) -> list[Effect]:
    """Its worker says how it stands."""
    return frozen(job, ctx) if isinstance(frame, frames.Frozen) else thawed(job, ctx)


def _why_not(job: Job) -> str:
    return {
        JobStatus.NEW: "it has not started",
        JobStatus.DISCONNECTED: f"worker {job.worker_name} is out of contact",
        JobStatus.STOPPING: "it is being stopped",
        JobStatus.RESUMING: "it is being resumed; ask again when it runs",
    }.get(job.status, "")
