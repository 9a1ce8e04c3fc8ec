"""What silence means for a session, and for the jobs of a worker that stays away."""

from dataclasses import replace

from farhand_server.core import fates, sessions
from farhand_server.core.context import Context
from farhand_server.core.effects import Count, Effect, EndSession, Wake
from farhand_server.core.live import Missed, Session
from farhand_server.model.identifiers import WorkerId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.runbook import Delivery

#: What becomes Disconnected when its worker stays away.
_HERE = frozenset({JobStatus.ACTIVATING, JobStatus.RUNNING})
#: What somebody was promised, and what it is called: that is remembered while the worker is away.
_PROMISED = {
    JobStatus.STOPPING: "stopped",
    JobStatus.SUSPENDING: "frozen",
    JobStatus.RESUMING: "thawed",
}
#: What is given up when its worker stays away for much longer.
_AWAY = frozenset({JobStatus.DISCONNECTED, *_PROMISED})
_UNANSWERED = "a grant was not answered within the lease"


def expire(ctx: Context) -> list[Effect]:
    """Sessions without a word for a lease end, also those without one about a grant; jobs of
    workers that stayed away for one become Disconnected, and are given up when their own patience
    has ended, too."""
    now = ctx.now.instant
    effects: list[Effect] = []
    if ctx.live.leases_due is not None and ctx.live.leases_due <= now:
        effects += _end_silent(ctx)
    for worker in [w for w, until in ctx.live.absent.items() if until <= now]:
        del ctx.live.absent[worker]
        effects += _disconnect(worker, ctx)
    for worker in [w for w, missed in ctx.live.missed.items() if missed.due <= now]:
        effects += _count(worker, ctx)
    return effects


def _end_silent(ctx: Context) -> list[Effect]:
    """Looks at all sessions together, at the earliest end of a lease, at most once a second."""
    now, lease = ctx.now.instant, ctx.patience.lease
    effects: list[Effect] = []
    for session in list(ctx.live.sessions.values()):
        if session.patient_until(lease) > now:
            continue
        reason = "no heartbeat within the lease"
        if session.heard + lease > now:
            reason = _UNANSWERED
            effects += _unanswered(session, ctx)
        effects.append(EndSession(session=session.id, reason=reason))
        effects += sessions.close(session, ctx)
    due = min((s.patient_until(lease) for s in ctx.live.sessions.values()), default=None)
    ctx.live.leases_due = None
    if due is not None:
        ctx.live.leases_due = ctx.alarm_in(max(due - now, 1.0))
    return effects


def _unanswered(session: Session, ctx: Context) -> list[Effect]:
    """Its next Hello says what became of the grants; if nothing, others are asked first."""
    until = ctx.alarm_in(ctx.patience.exclusion)
    for spool in session.granted:
        ctx.live.refusals[spool.job, session.worker] = until, "it did not answer its grant"
    return [Count(worker=session.worker, reason=_UNANSWERED)]


def miss(worker: WorkerId, ctx: Context) -> None:
    """Sees to it that somebody waits for a worker that may hold an attempt and has no session."""
    known = worker in ctx.live.absent or worker in ctx.live.missed
    if ctx.live.of_worker(worker) is None and not known:
        ctx.live.absent[worker] = ctx.alarm_in(ctx.patience.lease)


def _disconnect(worker: WorkerId, ctx: Context) -> list[Effect]:
    effects: list[Effect] = []
    for job in ctx.tx.served_by(worker):
        if job.status in _PROMISED:
            gone = replace(job, details=later(job, job.status))
        elif job.status in _HERE or job.is_frozen:
            gone = job.become(JobStatus.DISCONNECTED, details=_away(job))
        else:
            continue
        if ctx.tx.swap_job(job, gone):
            effects.append(Wake(job=gone))
    _miss(worker, ctx)
    return effects


def later(job: Job, asked: JobStatus) -> str:
    """What was asked for, and its worker has not heard of."""
    done = _PROMISED[asked]
    return f"worker {job.worker_name} is out of contact; it is {done} when it returns"


def _away(job: Job) -> str:
    again = job.delivery is Delivery.AT_LEAST_ONCE
    return (
        f"worker {job.worker_name} is out of contact; the runbook may still be running there and "
        f"will report when it returns. After {_words(job.lost_after)}: "
        + ("started again" if again else "Suspended")
    )


def _words(seconds: int) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _missed(worker: WorkerId, ctx: Context) -> list[Job]:
    return [job for job in ctx.tx.served_by(worker) if job.status in _AWAY]


def _miss(worker: WorkerId, ctx: Context) -> None:
    """Counts from now on for how long the worker stays away; looks again when a job is to be given
    up, or when it is time to write it down."""
    left = [max(0.0, job.lost_after - job.away_ms / 1000) for job in _missed(worker, ctx)]
    if left:
        due = ctx.alarm_in(min(ctx.patience.absence, *left))
        ctx.live.missed[worker] = Missed(since=ctx.now.instant, due=due)


def _count(worker: WorkerId, ctx: Context) -> list[Effect]:
    """Adds the time since the last look, and gives up what was missed for long enough."""
    away_ms = round((ctx.now.instant - ctx.live.missed.pop(worker).since) * 1000)
    effects: list[Effect] = []
    for job in _missed(worker, ctx):
        counted = replace(job, away_ms=job.away_ms + away_ms)
        ctx.tx.swap_job(job, counted)
        if counted.away_ms >= job.lost_after * 1000:
            why = f"worker {job.worker_name} has been out of contact for {_words(job.lost_after)}"
            effects += fates.unreported(counted, ctx, why=why, over=False)
    _miss(worker, ctx)
    return effects
