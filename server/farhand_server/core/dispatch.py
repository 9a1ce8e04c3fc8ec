"""Who gets a job: first in, first out, to the member with most free slots.

A job is offered before it is granted: an offer promises nothing, the grant's commit is the only
claim. A member that was heard just now is granted to without being asked.
"""

from farhand_server.core import parameters
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, OpenSpool, Send, Wake
from farhand_server.core.live import OpenOffer, Session
from farhand_server.declared.values import texts
from farhand_server.model import frames
from farhand_server.model.clock import Instant
from farhand_server.model.identifiers import GroupId, JobId, OfferId
from farhand_server.model.job import Attempt, Job, JobStatus
from farhand_server.model.output import Extent, SpoolId
from farhand_server.model.runbook import RunbookType

#: Jobs looked at in one go, at most.
LOOK_AHEAD = 16


def dispatch(group: GroupId, ctx: Context) -> list[Effect]:
    """Gives waiting jobs of a group to members that can take them. A job that nobody can take now
    does not hold up those behind it."""
    effects: list[Effect] = []
    #: Jobs at the head that were offered, or that nobody free can run.
    passed: set[JobId] = set()
    while group in ctx.live.queues and (free := _free(group, ctx)):
        types = frozenset().union(*(member.types for member in free))
        room = min(LOOK_AHEAD, sum(member.free for member in free))
        found = ctx.tx.waiting(group, types, limit=len(passed) + room)
        waiting = [job for job in found if job.id not in passed]
        if not waiting:
            if not found and not ctx.tx.waiting(group, frozenset(RunbookType), limit=1):
                ctx.live.queues.discard(group)
            break
        for job in waiting:
            given = [] if _is_pending(job, ctx) else place(job, ctx)
            effects += given
            if not is_granted(given):
                passed.add(job.id)
            if not given and not _free(group, ctx):
                break
    return effects


def is_granted(effects: list[Effect]) -> bool:
    """Whether a job was given away with these, and not only offered."""
    return any(isinstance(e, Send) and isinstance(e.frame, frames.Grant) for e in effects)


def _free(group: GroupId, ctx: Context) -> list[Session]:
    """Members that have a free slot and answer; nobody while dispatch is paused."""
    if ctx.live.paused_because:
        return []
    return [
        member
        for member in ctx.live.members(group)
        if member.takes_work
        and member.account not in ctx.live.unreported
        and not is_silent(member, ctx)
    ]


def is_silent(member: Session, ctx: Context) -> bool:
    """Whether it owes an answer for too long, or was not heard since it was asked: a mute member
    costs one delay, not one a job."""
    now, patience = ctx.now.instant, ctx.patience.offer
    if member.asked is not None and member.asked + patience <= now:
        return True
    return ctx.live.overdue(member, now, patience)


def _is_pending(job: Job, ctx: Context) -> bool:
    """Whether somebody was asked just now and may still answer."""
    now = ctx.now.instant
    return any(now < o.opened + ctx.patience.offer for o in ctx.live.offers_of(job.id))


def place(job: Job, ctx: Context) -> list[Effect]:
    """Grants or offers one job that nobody was asked for yet; nothing if nobody is free."""
    member = choose(job, ctx)
    if member is None:
        return []
    if ctx.now.instant - member.heard < ctx.patience.warm:
        return grant(job, member, ctx, offer=None)
    return [offer(job, member, ctx)]


def choose(job: Job, ctx: Context) -> Session | None:
    """The free member with most slots left; among equals the one that waited longest."""
    now = ctx.now.instant
    asked = {o.session for o in ctx.live.offers_of(job.id)}
    able = [
        member
        for member in _free(job.group, ctx)
        if job.runbook_type in member.types
        and member.id not in asked
        and not ctx.live.refuses(job.id, member.worker, now)
    ]
    return max(able, key=lambda member: (member.free, -member.given), default=None)


def offer(job: Job, member: Session, ctx: Context) -> Send:
    """Asks a member. Promises nothing, so it leaves beside the commit of the job."""
    opened = OpenOffer(
        id=OfferId(ctx.chance(16).hex()),
        job=job.id,
        group=job.group,
        session=member.id,
        opened=ctx.now.instant,
    )
    ctx.live.open_offer(opened)
    ctx.alarm_in(ctx.patience.offer)
    member.given = ctx.now.instant
    if member.asked is None:
        member.asked = ctx.now.instant
    return Send(
        session=member.id,
        frame=frames.Offer(
            offer=opened.id,
            job=job.id,
            runbook_type=job.runbook_type,
            digest=job.digest,
            size=job.runbook_size,
            run_as=job.run_as,
        ),
        promises=False,
    )


def grant(job: Job, member: Session, ctx: Context, *, offer: OfferId | None) -> list[Effect]:
    """Commits a job to a member: the only claim. Nothing if somebody was first."""
    granted = job.grant(worker=member.worker, worker_name=member.name, ground=member.ground)
    if not ctx.tx.swap_job(job, granted):
        return []
    spool = SpoolId(job=granted.id, attempt=granted.attempt)
    ctx.tx.add_attempt(
        Attempt(
            job=granted.id,
            attempt=granted.attempt,
            worker=member.worker,
            worker_name=member.name,
            granted=ctx.now.unix_ms,
        )
    )
    member.serving.add(spool)
    member.granted[spool] = ctx.now.instant
    member.given = ctx.now.instant
    return [
        OpenSpool(session=member.id, spool=spool, extent=Extent(), fresh=True),
        Send(session=member.id, frame=_grant_frame(granted, member, ctx, offer)),
        Wake(job=granted),
        *withdraw(granted, ctx),
    ]


def _grant_frame(job: Job, member: Session, ctx: Context, offer: OfferId | None) -> frames.Grant:
    script = None if member.holds_script(job.digest) else ctx.tx.script(job.digest)
    member.note_script(job.digest)
    given = parameters.given(job, ctx)
    return frames.Grant(
        offer=offer or "",
        job=job.id,
        attempt=job.attempt,
        runbook=job.runbook,
        runbook_version=job.runbook_version,
        runbook_type=job.runbook_type,
        digest=job.digest,
        script=script,
        parameters=given.parameters,
        arguments=given.arguments,
        group=job.group_name,
        stop_grace_ms=job.stop_grace_ms,
        timeout_ms=job.timeout * 1000,
        secrets=texts(dict(given.secrets)),
        run_as=job.run_as,
    )


def withdraw(job: Job, ctx: Context) -> list[Effect]:
    """Closes every open offer of a job that nobody else shall take."""
    withdrawn: list[Effect] = []
    for other in ctx.live.offers_of(job.id):
        ctx.live.close_offer(other.id, other.session)
        withdrawn.append(
            Send(session=other.session, frame=frames.Withdraw(offer=other.id), promises=False)
        )
    return withdrawn


def accepted(session: Session, frame: frames.Accept, ctx: Context) -> list[Effect]:
    """The first Accept wins; a late one gets Withdraw."""
    no: list[Effect] = [
        Send(session=session.id, frame=frames.Withdraw(offer=frame.offer), promises=False)
    ]
    opened = ctx.live.close_offer(frame.offer, session.id)
    if opened is None or ctx.live.paused_because:
        return no
    job = ctx.tx.job(opened.job)
    if job is None or job.status is not JobStatus.NEW:
        return [*no, *dispatch(opened.group, ctx)]
    if frame.cached:
        session.note_script(job.digest)
    was_hedged = bool(ctx.live.offers_of(job.id))
    granted = grant(job, session, ctx, offer=frame.offer)
    if granted and not was_hedged:
        return granted
    return [*(granted or no), *dispatch(opened.group, ctx)]


def rejected(session: Session, frame: frames.Reject, ctx: Context) -> list[Effect]:
    """This member is not asked again for a while, or a moment; the next one is."""
    opened = ctx.live.close_offer(frame.offer, session.id)
    if opened is None:
        return []
    pause = ctx.patience.offer if frame.for_now else ctx.patience.exclusion
    until = ctx.alarm_in(pause)
    ctx.live.refusals[opened.job, session.worker] = (until, frame.reason)
    return dispatch(opened.group, ctx)


def drop(session: Session, ctx: Context) -> list[Effect]:
    """Forgets a session; jobs that were offered to it are open again."""
    died = ctx.live.drop(session)
    return dispatch(session.group, ctx) if died else []


def hedge(ctx: Context) -> list[Effect]:
    """Opens unanswered offers to the next member as well."""
    effects: list[Effect] = []
    seen: set[JobId] = set()
    for overdue in ctx.live.overdue_offers(ctx.now.instant, ctx.patience.offer):
        if overdue.job in seen:
            continue
        seen.add(overdue.job)
        job = ctx.tx.job(overdue.job)
        if job is None or job.status is not JobStatus.NEW or _is_pending(job, ctx):
            continue
        member = choose(job, ctx)
        if member is not None:
            effects.append(offer(job, member, ctx))
    return effects


def forgive(ctx: Context) -> list[Effect]:
    """Members that refused long ago may be asked again."""
    now: Instant = ctx.now.instant
    over = [key for key, (until, _) in ctx.live.refusals.items() if until <= now]
    for key in over:
        del ctx.live.refusals[key]
    return dispatch_all(ctx) if over else []


def dispatch_all(ctx: Context) -> list[Effect]:
    """Something has changed that concerns every group."""
    return [effect for group in list(ctx.live.queues) for effect in dispatch(group, ctx)]
