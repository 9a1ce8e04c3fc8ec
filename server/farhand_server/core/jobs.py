"""A job from start to end."""

from dataclasses import replace

from farhand_server.core import (
    dispatch,
    fates,
    groups,
    leases,
    orders,
    parameters,
    removal,
    sessions,
)
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, CloseSpool, Count, Effect, Send, Wake
from farhand_server.core.explain import sentence
from farhand_server.core.finding import find_job
from farhand_server.core.parameters import Given
from farhand_server.errors import (
    GroupNotFound,
    JobExists,
    JobNotStoppable,
    RunbookNotFound,
    RunbookNotPublished,
)
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, WorkerId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.model.runbook import Runbook
from farhand_server.model.worker import CLOUD, Group
from farhand_wire import limits

#: Said of a job that has ended in another way than its output; the receipt has the figures.
OTHER_OUTPUT = "what is stored of its output is not what its worker reported"


def start(event: on.StartJob, ctx: Context) -> list[Effect]:
    effects, job = begin(event, ctx)
    return [*effects, Answer(call=event.call, value=job)]


def begin(event: on.StartJob, ctx: Context) -> tuple[list[Effect], Job]:
    """Puts a job on disk, and in the same transaction gives it to a member that is surely there."""
    event = replace(event, run_on=event.run_on or CLOUD)
    known = ctx.tx.job(event.job)
    if known is not None:
        return [], _same(known, event, ctx)
    runbook = _runnable(event, ctx)
    group = ctx.tx.group(event.by.account, event.run_on)
    if group is None:
        raise GroupNotFound(
            f'no hybrid worker group "{event.run_on}"',
            why="a group is made when its first worker joins, or by hand",
            do="see: farhand group list",
        )
    _, digest = runbook.script(draft=event.test)
    given = parameters.take(event, digest, runbook.type, ctx)
    job = _job(event, runbook, group, given, ctx)
    former = removal.former_tests(runbook, ctx) if event.test else []
    ctx.tx.add_job(job)
    if group.id in ctx.live.queues:
        effects = dispatch.dispatch(group.id, ctx)
    else:
        effects = dispatch.place(job, ctx)
        if not dispatch.is_granted(effects):
            ctx.live.queues.add(group.id)
    if not effects:
        # It says at once what it waits for; the grant clears the sentence.
        ctx.tx.swap_job(job, replace(job, details=sentence(job, ctx)))
    return [*effects, *former], ctx.tx.job(job.id) or job


def _runnable(event: on.StartJob, ctx: Context) -> Runbook:
    runbook = ctx.tx.runbook(event.by.account, event.runbook)
    if runbook is None:
        raise RunbookNotFound(f'no runbook "{event.runbook}"', do="see: farhand runbook list")
    if not (runbook.published_version or event.test):
        raise RunbookNotPublished(
            f'runbook "{runbook.name}" is not published',
            why="only published runbooks run; this one has a draft",
            do=f"publish it: farhand runbook publish {runbook.name}, "
            f"or test the draft: farhand runbook test {runbook.name} --run-on {event.run_on}",
        )
    return runbook


def _job(event: on.StartJob, runbook: Runbook, group: Group, given: Given, ctx: Context) -> Job:
    delivery = runbook.delivery or ctx.tx.account(event.by.account).delivery
    version, digest = runbook.script(draft=event.test)
    return Job(
        id=event.job,
        account=event.by.account,
        runbook=runbook.name,
        runbook_version=version,
        runbook_type=runbook.type,
        digest=digest,
        runbook_size=len(ctx.tx.script(digest)),
        group=group.id,
        group_name=group.name,
        status=JobStatus.NEW,
        delivery=delivery,
        lost_after=runbook.lost_after or delivery.lost_after,
        timeout=runbook.timeout or (limits.CLOUD_TIMEOUT_SECONDS if group.is_cloud else 0),
        parameters=given.parameters,
        arguments=given.arguments,
        sealed=parameters.sealed(given, event.job, ctx),
        started_by=event.by.name,
        parent=event.parent,
        depth=event.depth,
        stop_with_parent=event.stop_with_parent,
        run_as=groups.user(group, ctx),
        # A test shows what Azure's test pane does, whatever the runbook's jobs show.
        log_verbose=runbook.log_verbose and not event.test,
        log_progress=runbook.log_progress and not event.test,
        test=event.test,
        created=ctx.now.unix_ms,
    )


def _same(known: Job, event: on.StartJob, ctx: Context) -> Job:
    """The same id twice is one job; with something else it is a mistake."""
    same = (
        known.account == event.by.account
        and known.runbook == event.runbook
        and known.group_name == event.run_on
        and known.parent == event.parent
        and known.test == event.test
        and known.status is not JobStatus.REMOVING
    )
    if same:
        given = parameters.take(event, known.digest, known.runbook_type, ctx)
        same = known.parameters == given.parameters
        if known.sealed is not None:  # those of a job that is over are gone
            same = same and parameters.secrets(known, ctx) == given.secrets
    if not same:
        raise JobExists(
            f"job {event.job} was started with something else",
            why="a job id names one start: the same runbook, group and parameters",
            do="leave the job id out, or choose another",
        )
    return known


def stop(event: on.StopJob, ctx: Context) -> list[Effect]:
    """Ends a job: at once if nothing of it runs, else when its worker says that nothing does."""
    known = find_job(event, ctx)
    job = replace(known, stop_grace_ms=event.grace_ms)
    match job.status:
        case JobStatus.NEW | JobStatus.BLOCKED:
            stopped = job.finish(
                JobStatus.STOPPED, details="stopped before it ran", ended=ctx.now.unix_ms
            )
            withdrawn = dispatch.withdraw(job, ctx)
            effects = _swap(job, stopped, event, ctx, withdrawn)
            return [*effects, *dispatch.dispatch(job.group, ctx)] if withdrawn else effects
        case JobStatus.SUSPENDED if not job.may_run:
            details = f"stopped; {job.details}"
            stopped = job.finish(JobStatus.STOPPED, details=details, ended=ctx.now.unix_ms)
            return _swap(job, stopped, event, ctx, [])
        case JobStatus.STOPPING if job == known:
            return [Answer(call=event.call, value=job)]
        case JobStatus.STOPPING:
            return _swap(job, job, event, ctx, orders.tell(job, ctx))
        case status if status.is_granted or status is JobStatus.SUSPENDED:
            _check_somebody_can_stop(job, ctx)
            stopping = job.become(JobStatus.STOPPING, details=_stopping_details(job, ctx))
            leases.miss(_worker(job), ctx)
            return _swap(job, stopping, event, ctx, orders.tell(stopping, ctx))
        case status:
            raise JobNotStoppable(
                f"job {job.id} is {status.name.capitalize()} already",
                do=f"see: farhand job show {job.id}",
            )


def _check_somebody_can_stop(job: Job, ctx: Context) -> None:
    """A job that was given up may have nobody left who could say that it has ended."""
    session = ctx.live.of_worker(_worker(job))
    if session is not None:
        knows = SpoolId(job=job.id, attempt=job.attempt) in session.serving
        why = f"worker {job.worker_name} is here and does not know it"
    else:
        knows = ctx.tx.worker(_worker(job)) is not None
        why = f"worker {job.worker_name} was removed"
    if not knows:
        raise JobNotStoppable(
            f"nobody can say when job {job.id} has ended",
            why=f"{why}; the runbook may still run there",
            do=f'look at the machine, then: farhand job force-close {job.id} --reason "…"',
        )


def _worker(job: Job) -> WorkerId:
    assert job.worker is not None, "a granted job has a worker"
    return job.worker


def _stopping_details(job: Job, ctx: Context) -> str:
    away = ctx.live.of_worker(_worker(job)) is None
    return leases.later(job, JobStatus.STOPPING) if away else ""


def _swap(
    job: Job, new: Job, event: on.StopJob | on.ForceCloseJob, ctx: Context, effects: list[Effect]
) -> list[Effect]:
    ctx.tx.swap_job(job, new)
    return [*effects, Wake(job=new), Answer(call=event.call, value=new)]


def force_close(event: on.ForceCloseJob, ctx: Context) -> list[Effect]:
    """Gives a job up: it is Failed, whatever its worker still does, and no truth changes that."""
    job = find_job(event, ctx)
    if job.status.is_final:
        raise JobNotStoppable(
            f"job {job.id} is {job.status.name.capitalize()} already",
            do=f"see: farhand job show {job.id}",
        )
    details = f"force-closed by {event.by.name}: {event.reason}"
    if job.may_run:
        details += f"; the runbook may still run on {job.worker_name}"
    closed = job.finish(JobStatus.FAILED, details=details, ended=ctx.now.unix_ms)
    held = ctx.live.of_worker(job.worker) if job.worker is not None else None
    told: list[Effect] = []
    if held is not None and SpoolId(job=job.id, attempt=job.attempt) in held.serving:
        told = [orders.stop(job, held.id)]
    if job.attempt:
        ctx.tx.end_attempt(job.id, job.attempt, ended=ctx.now.unix_ms, outcome="force-closed")
    withdrawn = dispatch.withdraw(job, ctx)
    ctx.live.forget_job(job.id)
    effects = _swap(job, closed, event, ctx, [*told, *withdrawn])
    return [*effects, *dispatch.dispatch(job.group, ctx)] if withdrawn else effects


def ended(event: on.Ended, ctx: Context) -> list[Effect]:
    """A result whose whole output is durable makes the job final, and frees a slot."""
    session = ctx.live.sessions.get(event.session)
    if session is None:
        return sessions.stale(event.session, ctx)
    session.heard = ctx.now.instant
    result = event.result
    spool = SpoolId(job=result.job, attempt=result.attempt)
    session.over(spool)
    over: list[Effect] = [
        CloseSpool(session=session.id, spool=spool),
        Send(session=session.id, frame=frames.ResultAck(job=spool.job, attempt=spool.attempt)),
    ]
    job = ctx.tx.job(result.job)
    current = job is not None and job.is_served_by(session.worker, result.attempt)
    if job is None or not current or job.status.is_final:
        if not (current and job and job.end is None):  # else it was given up meanwhile
            over.append(Count(worker=session.worker, reason="Result of an attempt that is over"))
        return [*over, *dispatch.dispatch(session.group, ctx)]
    if result.end.lost:
        why = result.end.reason or "the runner was lost"
        ctx.live.started.pop(spool, None)
        effects = fates.unreported(job, ctx, why=why, over=True)
        return [*over, *effects, *dispatch.dispatch(session.group, ctx)]
    final = _final(job, event, ctx)
    ctx.tx.swap_job(job, final)
    ctx.tx.end_attempt(
        job.id, job.attempt, ended=ctx.now.unix_ms, outcome=final.details or final.status.name
    )
    ctx.live.forget_job(JobId(job.id))
    return [*over, Wake(job=final), *dispatch.dispatch(job.group, ctx)]


def _final(job: Job, event: on.Ended, ctx: Context) -> Job:
    end = event.result.end
    status = end.status(stopping=job.status is JobStatus.STOPPING)
    since = ctx.live.started.pop(SpoolId(job=job.id, attempt=job.attempt), ctx.now)
    details = "" if status is JobStatus.COMPLETED else end.sentence(status)
    if event.extent.mismatch:
        details = "; ".join(filter(None, [details, OTHER_OUTPUT]))
    return replace(
        job.finish(status, details=details, ended=ctx.now.unix_ms),
        started=job.started if job.started is not None else since.unix_ms,
        end=end,
        output_bytes=event.extent.payload,
    )
