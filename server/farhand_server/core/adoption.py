"""What a returning worker's journal means for its jobs.

An attempt that the host knows is taken up again: the late truth wins. One that is missing from the
same journal on the same boot provably never ran; from any other, it may have.
"""

from dataclasses import dataclass, field, replace

from farhand_server.core import dispatch
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, OpenSpool, Send, Wake
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import Extent, SpoolId
from farhand_server.model.worker import Worker
from farhand_wire import limits

#: States in which the current attempt of a worker that reports it goes on.
_GOES_ON = frozenset(
    {
        JobStatus.ACTIVATING,
        JobStatus.RUNNING,
        JobStatus.DISCONNECTED,
        JobStatus.STOPPING,
        JobStatus.SUSPENDED,
    }
)


@dataclass(slots=True)
class Judgement:
    """Verdicts, and what leaves before and after the Welcome that carries them."""

    answers: list[frames.Verdict] = field(default_factory=list)
    serving: set[SpoolId] = field(default_factory=set)
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
    remembers_all = _remembers_all(worker, event.hello)
    for job in ctx.tx.served_by(worker.id):
        if SpoolId(job=job.id, attempt=job.attempt) not in listed:
            judgement.after += _missing(job, ctx, never_ran=remembers_all)
    return judgement


def _remembers_all(worker: Worker, hello: frames.Hello) -> bool:
    """Whether absence proves that an attempt never ran. A journal on a disk may survive a loss of
    power that an attempt's folder did not; one without an id may lack what a silent runner has."""
    same = (worker.journal_id, worker.boot_id) == (hello.journal_id, hello.boot_id)
    return same and bool(hello.journal_id)


def _answer(
    worker: Worker,
    entry: frames.JournalEntry,
    spool: SpoolId,
    event: on.Greeted,
    judgement: Judgement,
    ctx: Context,
) -> None:
    job = ctx.tx.job(entry.job)
    current = (
        job is not None and job.is_served_by(worker.id, entry.attempt) and job.status in _GOES_ON
    )
    if job is None or not current:
        reason = "the job is over" if job is not None else "the job is not known here"
        judgement.answers.append(_discard(entry, reason))
    elif entry.phase == "void":
        judgement.answers.append(_discard(entry, "it never ran; the job goes elsewhere"))
        judgement.after += dispatch.requeue(job, ctx, outcome="never started")
    else:
        extent = event.extents.get(spool, Extent())
        judgement.answers.append(_continue(entry, extent))
        judgement.serving.add(spool)
        judgement.before.append(OpenSpool(session=event.session, spool=spool, extent=extent))
        judgement.after += _take_up(job, event, ctx)


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


def _take_up(job: Job, event: on.Greeted, ctx: Context) -> list[Effect]:
    """The attempt is alive, or its end is on the way."""
    if job.status is JobStatus.STOPPING:
        return [stop_frame(job, event.session)]
    if job.status is JobStatus.RUNNING:
        return []
    running = job.become(JobStatus.RUNNING)
    if job.started is None:
        running = replace(running, started=ctx.now.unix_ms)
    return [Wake(job=running)] if ctx.tx.swap_job(job, running) else []


def stop_frame(job: Job, session: SessionId) -> Send:
    """Tells the worker to end the attempt."""
    return Send(
        session=session,
        frame=frames.Stop(
            job=job.id,
            attempt=job.attempt,
            grace_ms=int(limits.STOP_GRACE_SECONDS * 1000),
        ),
    )


def _missing(job: Job, ctx: Context, *, never_ran: bool) -> list[Effect]:
    if never_ran and job.status is not JobStatus.SUSPENDED:
        return dispatch.requeue(job, ctx, outcome="never started")
    return died(job, ctx, why=f"worker {job.worker_name} came back without it")


def died(job: Job, ctx: Context, *, why: str) -> list[Effect]:
    """An attempt that may have run will never report: nobody starts it again by itself."""
    if job.status is JobStatus.SUSPENDED:
        return []
    if job.status is JobStatus.STOPPING:
        over = replace(job.become(JobStatus.STOPPED, details=why), ended=ctx.now.unix_ms)
    else:
        over = job.become(
            JobStatus.SUSPENDED,
            details=f"outcome unknown: {why}; it may have run, so it is not started again",
        )
    if not ctx.tx.swap_job(job, over):
        return []
    ctx.tx.end_attempt(job.id, job.attempt, ended=ctx.now.unix_ms, outcome=f"died: {why}")
    return [Wake(job=over)]
