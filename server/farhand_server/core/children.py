"""Jobs that were started by jobs: linked to their parent, waited for, stopped with it if asked."""

from collections.abc import Iterable

from farhand_server.core import events as on
from farhand_server.core import jobs
from farhand_server.core.answers import answered
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect, Wake
from farhand_server.core.live import Session, Waiting
from farhand_server.errors import JobNotFound, JobNotStoppable, ProtocolViolation, TooManyChildren
from farhand_server.model import ask, frames
from farhand_server.model.account import Principal
from farhand_server.model.identifiers import JobId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_wire import limits

#: Nobody waits for a call: a job is answered by a frame.
_NO_CALL = on.CallId(0)
#: States of a parent with which the children go that are to go with it.
_TAKES_ALONG = frozenset({JobStatus.STOPPING, JobStatus.STOPPED, JobStatus.FAILED})


def start(question: ask.StartChild, parent: Job, ctx: Context) -> tuple[list[Effect], Job]:
    """Puts a child on disk, by the rules of every start."""
    known = ctx.tx.job(question.job)
    if known is None:
        _check_room(parent, ctx)
    return jobs.begin(
        on.StartJob(
            call=_NO_CALL,
            by=_principal(parent),
            job=question.job,
            runbook=question.runbook,
            run_on=question.run_on,
            parameters=question.parameters,
            arguments=question.arguments,
            parent=parent.id,
            depth=parent.depth + 1,
            stop_with_parent=question.stop_with_parent,
        ),
        ctx,
    )


def _check_room(parent: Job, ctx: Context) -> None:
    """A runbook that starts itself must not fill the control plane."""
    if parent.depth >= limits.CHILD_DEPTH:
        raise TooManyChildren(
            f"job {parent.id} is {parent.depth} generations below the first",
            why=f"no more than {limits.CHILD_DEPTH} are allowed: a runbook may start itself",
            do="start what is needed from a job further up",
        )
    if len(ctx.tx.children(parent.id)) >= limits.CHILDREN_MOST:
        raise TooManyChildren(
            f"job {parent.id} has {limits.CHILDREN_MOST} children that are not over",
            do="wait for some of them before you start more",
        )


def find(id_: JobId, parent: Job, ctx: Context) -> Job:
    """A child of this job. Raises JobNotFound."""
    child = ctx.tx.job(id_)
    if child is None or child.parent != parent.id:
        raise JobNotFound(f"job {parent.id} has no child {id_}")
    return child


def of(event: on.ChildOf, ctx: Context) -> list[Effect]:
    """The child, for a job that this session serves."""
    session = ctx.live.sessions.get(event.session)
    spool = SpoolId(job=event.job, attempt=event.attempt)
    parent = ctx.tx.job(event.job)
    if parent is None or session is None or spool not in session.serving:
        raise JobNotFound(f"job {event.job} is not served in this session")
    return [Answer(call=event.call, value=find(event.child, parent, ctx))]


def wait(session: Session, frame: frames.Ask, ctx: Context) -> list[Effect]:
    """The answer follows when the child is over."""
    assert isinstance(frame.question, ask.GetChild)
    asker = (frame.job, frame.attempt)
    known = sum(asker == key[:2] for each in ctx.live.waiting_for.values() for key in each)
    if known > limits.CHILDREN_MOST:
        raise ProtocolViolation(f"a job waits for more than {limits.CHILDREN_MOST} children")
    waiting = ctx.live.waiting_for.setdefault(frame.question.job, {})
    waiting[frame.job, frame.attempt, frame.ask] = Waiting(session=session.id, frame=frame)
    return []


def follow(effects: Iterable[Effect], ctx: Context) -> list[Effect]:
    """What it means for parents and children that these jobs have changed."""
    more: list[Effect] = []
    changed = [effect.job for effect in effects if isinstance(effect, Wake)]
    while changed:
        job = changed.pop()
        if job.status.is_final and job.id in ctx.live.waiting_for:
            for waiting in ctx.live.waiting_for.pop(job.id).values():
                answer = ask.ChildAnswer(job=job)
                more.append(answered(waiting.session, waiting.frame, answer))
        if job.status in _TAKES_ALONG:
            stopped = _stop_children(job, ctx)
            more += stopped
            changed += [effect.job for effect in stopped if isinstance(effect, Wake)]
    return more


def _stop_children(parent: Job, ctx: Context) -> list[Effect]:
    effects: list[Effect] = []
    for child in ctx.tx.children(parent.id):
        if child.stop_with_parent and child.status is not JobStatus.STOPPING:
            effects += _stop(child, parent, ctx)
    return effects


def _stop(child: Job, parent: Job, ctx: Context) -> list[Effect]:
    event = on.StopJob(
        call=_NO_CALL, by=_principal(parent), job=child.id, grace_ms=parent.stop_grace_ms
    )
    try:
        effects = jobs.stop(event, ctx)
    except JobNotStoppable:
        return []  # nobody can say when it has ended; it stays as it is
    return [effect for effect in effects if not isinstance(effect, Answer)]


def _principal(parent: Job) -> Principal:
    return Principal(account=parent.account, account_name="", name=f"job {parent.id}")
