"""What becomes of a job whose attempt will not tell how it ended.

An attempt that provably never ran costs nothing: the job goes to another member. One that may have
run is started again only where its delivery says so. A proof may be wrong (a clone, a silent
runner): an attempt that turns up after all is taken up again, until somebody has decided.
"""

from dataclasses import replace

from farhand_server.core import dispatch
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, Wake
from farhand_server.core.live import Session
from farhand_server.model.job import Job, JobStatus, Suspension
from farhand_server.model.runbook import Delivery
from farhand_wire import limits

#: Azure's words (articles/automation/troubleshoot/hybrid-runbook-worker.md).
EXHAUSTED = (
    "The job action 'Activate' cannot be run, because the process stopped unexpectedly. "
    "The job action was attempted three times."
)


def never_ran(job: Job, ctx: Context, *, why: str) -> list[Effect]:
    """The job waits again, or is Stopped if that was asked for."""
    if job.status is JobStatus.STOPPING:
        again = job.finish(
            JobStatus.STOPPED, details="stopped before it ran", ended=ctx.now.unix_ms
        )
    else:
        # Where it had been taken for one that may have run, that was counted.
        was_counted = job.status is JobStatus.SUSPENDED and not job.is_frozen
        again = replace(job.wait_again(), counted=max(0, job.counted - was_counted))
    return _settle(job, again, ctx, outcome=f"never started: {why}" if why else "never started")


def not_started(session: Session, job: Job, reason: str, ctx: Context) -> list[Effect]:
    """Its worker could not begin it: another member gets it at once."""
    until = ctx.alarm_in(ctx.patience.exclusion)
    ctx.live.refusals[job.id, session.worker] = (until, reason)
    return never_ran(job, ctx, why=reason)


def unreported(job: Job, ctx: Context, *, why: str, over: bool) -> list[Effect]:
    """The attempt may have run, and nobody will tell how it ended. `over`: nothing of it runs any
    more; else it may run on, out of sight."""
    if job.status is JobStatus.SUSPENDED and not job.is_frozen:
        proven = replace(job, may_run=False)
        if over and job.may_run:
            ctx.tx.swap_job(job, proven)
        return []
    outcome = f"died: {why}" if over else f"lost: {why}"
    if job.status is JobStatus.STOPPING:
        after = _stopped(job, ctx, why=why, over=over)
    elif job.delivery is Delivery.AT_LEAST_ONCE:
        after = _again(job, why=why)
    else:
        after = _unknown(job, f"{why}; it may have run, so it is not started again")
    return _settle(job, replace(after, may_run=after.may_run and not over), ctx, outcome=outcome)


def _stopped(job: Job, ctx: Context, *, why: str, over: bool) -> Job:
    """Stopped means that nothing of it runs: without a proof it is not said."""
    if over:
        return job.finish(JobStatus.STOPPED, details=why, ended=ctx.now.unix_ms)
    return _unknown(job, f"{why}; whether the stop was carried out is not known")


def _again(job: Job, *, why: str) -> Job:
    counted = job.counted + 1
    if counted < limits.ATTEMPTS_MOST:
        return replace(job.wait_again(), counted=counted)
    exhausted = job.suspend(Suspension.EXHAUSTED, details=f"{EXHAUSTED} Last: {why}")
    return replace(exhausted, counted=counted)


def _unknown(job: Job, why: str) -> Job:
    return job.suspend(Suspension.INDETERMINATE, details=f"outcome unknown: {why}")


def _settle(job: Job, after: Job, ctx: Context, *, outcome: str) -> list[Effect]:
    if not ctx.tx.swap_job(job, after):
        return []
    ctx.tx.end_attempt(job.id, job.attempt, ended=ctx.now.unix_ms, outcome=outcome)
    if after.status is JobStatus.NEW:
        ctx.live.queues.add(job.group)
    return [Wake(job=after), *dispatch.dispatch(job.group, ctx)]
