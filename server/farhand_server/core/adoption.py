"""What a returning worker's journal means for its jobs.

An attempt that the host knows is taken up again: the late truth wins. One that is missing from the
same journal on the same boot provably never ran; from any other, it may have.
"""

from dataclasses import dataclass, field, replace

from farhand_server.core import events as on
from farhand_server.core import fates, freezing, orders
from farhand_server.core.context import Context
from farhand_server.core.effects import Count, Effect, OpenSpool, Wake
from farhand_server.model import frames
from farhand_server.model.job import Job, JobStatus, Suspension
from farhand_server.model.output import Extent, SpoolId
from farhand_server.model.worker import Ground, Worker

#: What a person asked for and the worker has not confirmed: an attempt that runs does not end it.
_ASKED = frozenset({JobStatus.STOPPING, JobStatus.SUSPENDING})


@dataclass(slots=True)
class Judgement:
    """Verdicts, and what leaves before and after the Welcome that carries them."""

    answers: list[frames.Verdict] = field(default_factory=list)
    serving: set[SpoolId] = field(default_factory=set)
    strangers: int = 0
    unheard: int = 0
    before: list[Effect] = field(default_factory=list)
    after: list[Effect] = field(default_factory=list)


def judge(worker: Worker, event: on.Greeted, ctx: Context) -> Judgement:
    """One verdict for each entry of the journal, and the fate of each job that is missing."""
    judgement = Judgement()
    listed: set[SpoolId] = set()
    for entry in event.hello.journal:
        spool = SpoolId(job=entry.job, attempt=entry.attempt)
        listed.add(spool)
        _answer(worker, entry, spool, event, judgement, ctx)
    for job in ctx.tx.served_by(worker.id):
        if SpoolId(job=job.id, attempt=job.attempt) not in listed:
            judgement.unheard += _is_unheard(job, event.hello.ground)
            judgement.after += _missing(job, event.hello.ground, ctx)
    return judgement


def _answer(
    worker: Worker,
    entry: frames.JournalEntry,
    spool: SpoolId,
    event: on.Greeted,
    judgement: Judgement,
    ctx: Context,
) -> None:
    job = ctx.tx.job(entry.job)
    if job is None:
        # As after a restore: a server that does not know a job has no right to end it.
        unknown = _discard(entry, "the job is not known here")
        judgement.answers.append(replace(unknown, let_run=True))
        judgement.strangers += entry.phase in ("running", "frozen")
        judgement.after.append(Count(worker=worker.id, reason="hello: unknown_job"))
    elif not _goes_on(job, worker, entry):
        judgement.answers.append(_discard(entry, "the job is over"))
    elif entry.phase == "void":
        judgement.answers.append(_discard(entry, "it never ran; the job goes elsewhere"))
        judgement.after += fates.never_ran(job, ctx, why="")
    else:
        extent = event.extents.get(spool, Extent())
        judgement.answers.append(_continue(entry, extent))
        judgement.serving.add(spool)
        judgement.before.append(OpenSpool(session=event.session, spool=spool, extent=extent))
        judgement.after += _take_up(job, entry, event, ctx)


def _goes_on(job: Job, worker: Worker, entry: frames.JournalEntry) -> bool:
    """Whether it is the current attempt; one that was given up and turns up is, until somebody has
    decided otherwise."""
    holds = job.status.is_granted or job.status is JobStatus.SUSPENDED
    return holds and job.is_served_by(worker.id, entry.attempt)


def _discard(entry: frames.JournalEntry, reason: str) -> frames.Discard:
    return frames.Discard(job=entry.job, attempt=entry.attempt, reason=reason)


def _continue(entry: frames.JournalEntry, extent: Extent) -> frames.Continue:
    return frames.Continue(
        job=entry.job,
        attempt=entry.attempt,
        stored=extent.stored,
        durable=extent.durable,
        crc=extent.crc,
    )


def _take_up(job: Job, entry: frames.JournalEntry, event: on.Greeted, ctx: Context) -> list[Effect]:
    """The attempt is alive, or its end is on the way. What was asked for meanwhile is still due."""
    if job.status is JobStatus.SUSPENDED and entry.phase == "exited":
        return []  # its Result says how; it may be one that was taken already
    job = _found(job, event.hello.ground, ctx)
    if entry.phase == "frozen":
        effects = freezing.frozen(job, ctx)
    elif job.status in _ASKED:
        effects = []
    else:
        effects = _runs(job, ctx)
    now = ctx.tx.job(job.id) or job
    return [*effects, *orders.due(now, event.session)]


def _found(job: Job, ground: Ground, ctx: Context) -> Job:
    """It is known where it is, and its worker is not missed any more. As the last one that a job
    may have it was counted too early."""
    was_counted = job.suspension is Suspension.EXHAUSTED
    found = replace(job, ground=ground, may_run=True, away_ms=0, counted=job.counted - was_counted)
    if found != job:
        ctx.tx.swap_job(job, found)
    return found


def _runs(job: Job, ctx: Context) -> list[Effect]:
    """Whatever was thought of it. A job that is Resuming has got what it wanted."""
    if job.status is JobStatus.RUNNING:
        return []
    running = job.become(JobStatus.RUNNING)
    if job.started is None:
        running = replace(running, started=ctx.now.unix_ms)
    return [Wake(job=running)] if ctx.tx.swap_job(job, running) else []


def _is_unheard(job: Job, ground: Ground) -> bool:
    """Whether a runner may hold it that had not answered yet."""
    return not ground.journal_id and not job.ground.is_gone(ground)


def _missing(job: Job, ground: Ground, ctx: Context) -> list[Effect]:
    # What ended in the time that a restore has lost was reported to a server that is gone: of an
    # attempt that may be from then, no journal ever proves anything.
    if job.attempt > job.reserved and job.ground.proves_absence(ground):
        return fates.never_ran(job, ctx, why="")
    why = f"worker {job.worker_name} came back without it"
    over = job.ground.is_gone(ground)
    if over:
        why += ", after a restart of its host"
    return fates.unreported(job, ctx, why=why, over=over)
