"""What silence means for a session, and for the jobs of a worker that stays away."""

from farhand_server.core import sessions
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, EndSession, Wake
from farhand_server.model.identifiers import WorkerId
from farhand_server.model.job import JobStatus


def expire(ctx: Context) -> list[Effect]:
    """Sessions without a word for a lease end; jobs of workers that stayed away for one become
    Disconnected."""
    now = ctx.now.instant
    effects: list[Effect] = []
    if ctx.live.leases_due is not None and ctx.live.leases_due <= now:
        effects += _end_silent(ctx)
    for worker in [w for w, until in ctx.live.absent.items() if until <= now]:
        del ctx.live.absent[worker]
        effects += _disconnect(worker, ctx)
    return effects


def _end_silent(ctx: Context) -> list[Effect]:
    """Looks at all sessions together, at the earliest end of a lease, at most once a second."""
    now, lease = ctx.now.instant, ctx.patience.lease
    effects: list[Effect] = []
    for session in list(ctx.live.sessions.values()):
        if session.heard + lease <= now:
            effects.append(EndSession(session=session.id, reason="no heartbeat within the lease"))
            effects += sessions.close(session, ctx)
    oldest = min((s.heard for s in ctx.live.sessions.values()), default=None)
    ctx.live.leases_due = None
    if oldest is not None:
        ctx.live.leases_due = ctx.alarm_in(max(oldest + lease - now, 1.0))
    return effects


def _disconnect(worker: WorkerId, ctx: Context) -> list[Effect]:
    effects: list[Effect] = []
    for job in ctx.tx.served_by(worker):
        if job.status not in (JobStatus.ACTIVATING, JobStatus.RUNNING):
            continue
        details = (
            f"worker {job.worker_name} is out of contact; the runbook may still be running "
            "there and will report when it returns"
        )
        gone = job.become(JobStatus.DISCONNECTED, details=details)
        if ctx.tx.swap_job(job, gone):
            effects.append(Wake(job=gone))
    return effects
