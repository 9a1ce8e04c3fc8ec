"""A worker's stream: from its proven Hello over heartbeats to its loss."""

from dataclasses import replace

from farhand_server.core import (
    adoption,
    asks,
    conflicts,
    dispatch,
    fates,
    freezing,
    lost_time,
    numbers,
    removal,
    restoring,
)
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import CloseSpool, Count, Effect, EndSession, Send, Wake
from farhand_server.core.leaving import leave
from farhand_server.core.live import Session
from farhand_server.errors import ProtocolViolation, WorkerUnknown
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.model.worker import Ground, Worker

#: Why a frame was refused.
SUPERSEDED = "a frame of a session that a newer one took over from"


def begin(ctx: Context) -> list[Effect]:
    """What the rows say must be watched after a start."""
    restoring.begin(ctx)
    ctx.live.queues.update(ctx.tx.waiting_groups())
    for worker in ctx.tx.serving_workers():
        ctx.live.absent[worker] = ctx.alarm_in(ctx.patience.boot_grace)
    return removal.begin(ctx)


def greeted(event: on.Greeted, ctx: Context) -> list[Effect]:
    """A worker is back: its number is checked, the old stream ends, its journal is answered."""
    worker = ctx.tx.worker(event.hello.worker)
    if worker is None:
        raise WorkerUnknown(
            "this worker is not registered here",
            why="it was removed, or the control plane is another one",
            do="register again: farhand-agent register --replace",
        )
    ctx.faults.check(worker.id, worker.name)
    if refusal := conflicts.refused(worker, event, ctx):
        return refusal
    effects = [*supersede(worker, ctx), *lost_time.take_over(worker, event.hello, ctx)]
    verdicts = adoption.judge(worker, event, ctx)
    worker = _introduced(worker, event, ctx)
    ctx.tx.save_worker(worker)
    session = open_session(event.session, worker, ctx, ground=event.hello.ground)
    session.serving |= verdicts.serving
    session.strangers, session.unheard = verdicts.strangers, verdicts.unheard
    ctx.live.greeted[worker.id] = ctx.now.instant
    effects += [
        *verdicts.before,
        welcome(session, ctx, verdicts=tuple(verdicts.answers)),
        *verdicts.after,
    ]
    if restoring.has_reported(worker, ctx):
        effects += restoring.forget(worker.id, ctx)
    return effects


def _introduced(worker: Worker, event: on.Greeted, ctx: Context) -> Worker:
    """The worker as its Hello describes it."""
    hello = event.hello
    is_new = hello.instance != worker.instance or not worker.has_said_hello
    return replace(
        restoring.reported(numbers.shown(worker, hello.session_number), hello, ctx),
        journal_id=hello.journal_id or worker.journal_id,
        boot_id=hello.boot_id,
        instance=hello.instance,
        instance_since=ctx.now.unix_ms if is_new else worker.instance_since,
        facts=hello.facts,
        slots=hello.slots,
        address=event.address,
        last_seen=ctx.now.unix_ms,
    )


def open_session(
    id_: SessionId, worker: Worker, ctx: Context, *, ground: Ground | None = None
) -> Session:
    """Starts a session for a worker whose row is saved. Without a Hello it stands on no ground:
    nothing is proven by what it will not list."""
    session = Session(
        id=id_,
        worker=worker.id,
        name=worker.name,
        account=worker.account,
        group=worker.group,
        types=frozenset(worker.facts.runbook_types),
        slots=worker.slots,
        number=worker.issued_number,
        address=worker.address,
        ground=ground or Ground(),
        heard=ctx.now.instant,
        seen_written=ctx.now.instant,
        given=ctx.now.instant,
    )
    ctx.live.open(session)
    if ctx.live.leases_due is None:
        ctx.live.leases_due = ctx.alarm_in(ctx.patience.lease)
    return session


def welcome(session: Session, ctx: Context, *, verdicts: tuple[frames.Verdict, ...] = ()) -> Send:
    """The session stands."""
    heartbeat = ctx.patience.heartbeat_for(len(ctx.live.sessions))
    return Send(
        session=session.id,
        frame=frames.Welcome(
            session_number=session.number,
            server_time_ms=ctx.now.unix_ms,
            heartbeat_ms=int(heartbeat * 1000),
            lease_ms=int(ctx.patience.lease * 1000),
            verdicts=verdicts,
        ),
    )


def supersede(worker: Worker, ctx: Context) -> list[Effect]:
    """Ends the session that a worker had before."""
    old = ctx.live.of_worker(worker.id)
    if old is None:
        return []
    ctx.live.supersede(old)
    reason = "a newer session of this worker took over"
    return [EndSession(session=old.id, reason=reason), *dispatch.drop(old, ctx)]


def said(event: on.Said, ctx: Context) -> list[Effect]:
    """A frame of an open session."""
    session = ctx.live.sessions.get(event.session)
    if session is None:
        return stale(event.session, ctx)
    was_silent = dispatch.is_silent(session, ctx)
    session.heard = ctx.now.instant
    session.asked = None
    effects = _hear(session, event.frame, ctx)
    return [*effects, *dispatch.dispatch(session.group, ctx)] if was_silent else effects


def _hear(session: Session, frame: frames.AgentFrame, ctx: Context) -> list[Effect]:
    match frame:
        case frames.Heartbeat():
            return _heartbeat(session, frame, ctx)
        case frames.Accept():
            return dispatch.accepted(session, frame, ctx)
        case frames.Reject():
            return dispatch.rejected(session, frame, ctx)
        case frames.Started():
            return _started(session, frame, ctx)
        case frames.NotStarted():
            return _not_started(session, frame, ctx)
        case frames.Frozen() | frames.Thawed():
            return _stands(session, frame, ctx)
        case frames.Ask():
            return _asked(session, frame, ctx)
        case frames.Drain():
            session.draining = True
            return []
        case frames.Leave(force=force):
            return leave(session.worker, force=force, ctx=ctx)
        case other:
            raise ProtocolViolation(f"{type(other).__name__} is not allowed in an open session")


def _heartbeat(session: Session, frame: frames.Heartbeat, ctx: Context) -> list[Effect]:
    ack = Send(
        session=session.id,
        frame=frames.HeartbeatAck(sequence=frame.sequence, server_time_ms=ctx.now.unix_ms),
        promises=False,
    )
    first = not session.ready
    strangers, session.strangers = session.strangers, min(session.strangers, frame.running)
    if first or ctx.now.instant - session.seen_written >= ctx.patience.last_seen:
        _write_seen(session, ctx)
    if not first and session.strangers == strangers:
        return [ack]
    session.ready = True
    return [ack, *dispatch.dispatch(session.group, ctx)]


def _write_seen(session: Session, ctx: Context) -> None:
    worker = ctx.tx.worker(session.worker)
    if worker is not None:
        worker = conflicts.settled(numbers.confirmed(worker, session.number))
        ctx.tx.save_worker(replace(worker, last_seen=ctx.now.unix_ms))
    session.seen_written = ctx.now.instant


def _started(session: Session, frame: frames.Started, ctx: Context) -> list[Effect]:
    """Not written at once: the result of a short job follows and carries it."""
    spool = SpoolId(job=frame.job, attempt=frame.attempt)
    if spool not in session.serving:
        return _stale(session, spool, "Started", ctx)
    session.granted.pop(spool, None)
    if not ctx.live.started:
        ctx.alarm_in(ctx.patience.started)
    ctx.live.started[spool] = ctx.now
    return []


def _not_started(session: Session, frame: frames.NotStarted, ctx: Context) -> list[Effect]:
    spool = SpoolId(job=frame.job, attempt=frame.attempt)
    if spool not in session.serving:
        return _stale(session, spool, "NotStarted", ctx)
    if spool in ctx.live.started:
        raise ProtocolViolation("NotStarted for an attempt that was said to be started")
    session.over(spool)
    over: list[Effect] = [
        CloseSpool(session=session.id, spool=spool),
        Send(session=session.id, frame=frames.ResultAck(job=frame.job, attempt=frame.attempt)),
    ]
    job = ctx.tx.job(frame.job)
    if job is None or not _is_open(job, session, frame.attempt):
        return [*over, *dispatch.dispatch(session.group, ctx)]
    return [*over, *fates.not_started(session, job, frame.reason, ctx)]


def _stands(session: Session, frame: frames.Frozen | frames.Thawed, ctx: Context) -> list[Effect]:
    spool = SpoolId(job=frame.job, attempt=frame.attempt)
    if spool not in session.serving:
        return _stale(session, spool, type(frame).__name__, ctx)
    job = ctx.tx.job(frame.job)
    if job is None or not _is_open(job, session, frame.attempt):
        return []
    return freezing.heard(job, frame, ctx)


def _asked(session: Session, frame: frames.Ask, ctx: Context) -> list[Effect]:
    spool = SpoolId(job=frame.job, attempt=frame.attempt)
    if spool not in session.serving:
        return _stale(session, spool, "Ask", ctx)
    job = ctx.tx.job(frame.job)
    if job is None or not _is_open(job, session, frame.attempt):
        return []
    return asks.asked(session, frame, job, ctx)


def _is_open(job: Job, session: Session, attempt: int) -> bool:
    """Whether what its worker says of an attempt still matters to the job."""
    return not job.status.is_final and job.is_served_by(session.worker, attempt)


def _stale(session: Session, spool: SpoolId, what: str, ctx: Context) -> list[Effect]:
    """An attempt that is over is acknowledged so that the worker forgets it; one that never was
    this worker's ends the stream."""
    job = ctx.tx.job(spool.job)
    if job is None or job.worker != session.worker:
        raise ProtocolViolation(f"{what} of an attempt that is not this worker's")
    return [
        Count(worker=session.worker, reason=f"{what} of an attempt that is over"),
        Send(session=session.id, frame=frames.ResultAck(job=spool.job, attempt=spool.attempt)),
    ]


def stale(session: SessionId, ctx: Context) -> list[Effect]:
    """A frame of a session that is over does nothing. One that a newer session took over from
    should have ended by itself."""
    worker = ctx.live.superseded.get(session)
    return [] if worker is None else [Count(worker=worker, reason=SUPERSEDED)]


def lost(event: on.Lost, ctx: Context) -> list[Effect]:
    """The stream is gone. Offers that died with it are open again; jobs go on at the worker."""
    session = ctx.live.sessions.get(event.session)
    if session is None:
        return []
    return close(session, ctx)


def close(session: Session, ctx: Context) -> list[Effect]:
    """Forgets a session; its jobs are missed when nothing is heard for a lease. However late
    somebody notices that a stream is dead, the lease counts from its last frame."""
    if ctx.tx.served_by(session.worker):
        missed = session.heard + ctx.patience.lease
        ctx.live.absent[session.worker] = ctx.alarm_at(missed)
    return dispatch.drop(session, ctx)


def note_started(ctx: Context) -> list[Effect]:
    """Writes down the attempts that have been running for a moment."""
    now = ctx.now.instant
    due = [
        spool
        for spool, since in ctx.live.started.items()
        if since.instant + ctx.patience.started <= now
    ]
    effects: list[Effect] = []
    if len(due) < len(ctx.live.started):
        ctx.alarm_in(ctx.patience.started)
    for spool in due:
        since = ctx.live.started.pop(spool)
        job = ctx.tx.job(spool.job)
        if job is None or job.attempt != spool.attempt or job.started is not None:
            continue
        if not job.is_held:
            continue
        is_news = job.status is JobStatus.ACTIVATING
        moved = job.become(JobStatus.RUNNING) if is_news else job
        running = replace(moved, started=since.unix_ms)
        if ctx.tx.swap_job(job, running):
            effects.append(Wake(job=running))
    return effects
