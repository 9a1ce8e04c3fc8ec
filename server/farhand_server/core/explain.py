"""Why a job waits, or what it does: every member of its group, and what helps."""

from dataclasses import dataclass

from farhand_server.core import dispatch, restoring
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.core.finding import find_job
from farhand_server.core.live import Session
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import CLOUD, Worker

Steps = tuple[str, ...]
#: What people know the interpreters as.
PROGRAMS = {
    RunbookType.BASH: "bash",
    RunbookType.PYTHON: "Python 3",
    RunbookType.POWERSHELL: "PowerShell 7 (pwsh)",
}
#: Verdicts on members that are not there.
_ABSENT = frozenset({"not connected", "connecting"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`code` is for programs, the rest for people; `workers` are (name, verdict, detail)."""

    job: Job
    code: str
    message: str
    workers: tuple[tuple[str, str, str], ...] = ()
    do: Steps = ()


def explain(event: on.Explain, ctx: Context) -> list[Effect]:
    job = find_job(event, ctx)
    text = waiting(job, ctx) if job.status is JobStatus.NEW else _other(job, ctx)
    return [Answer(call=event.call, value=text)]


def waiting(job: Job, ctx: Context) -> Explanation:
    """Why a job in state New is not granted yet."""
    if job.account in ctx.live.unreported:
        return _unreported(job, ctx)
    if ctx.live.paused_because:
        return _paused(job, ctx.live.paused_because)
    verdicts = tuple(
        (worker.name, *_verdict(job, worker, ctx)) for worker in ctx.tx.members(job.group)
    )
    code, message, do = _cause(job, verdicts, ctx)
    return Explanation(job=job, code=code, message=f"waits: {message}", workers=verdicts, do=do)


def _unreported(job: Job, ctx: Context) -> Explanation:
    names = sorted(ctx.live.unreported[job.account].values())
    return Explanation(
        job=job,
        code="dispatch_paused",
        message=f"waits: {restoring.sentence(names)}",
        workers=tuple((name, "not reported", "since the restore") for name in names),
        do=("start their agents: farhand-agent run", "or give up on them: farhand account release"),
    )


def _paused(job: Job, why: str) -> Explanation:
    return Explanation(
        job=job,
        code="paused",
        message=f"waits: {why}",
        do=("make room there; jobs then go on by themselves",),
    )


def sentence(job: Job, ctx: Context) -> str:
    """What a job that is not granted waits for, in one sentence. Reads rows only where nobody of
    its group is online: this is asked for every job that must wait."""
    online = tuple(ctx.live.members(job.group))
    if not online or ctx.live.paused_because or job.account in ctx.live.unreported:
        return waiting(job, ctx).message
    verdicts = tuple((member.name, *_word(job, member, ctx)) for member in online)
    return f"waits: {_cause(job, verdicts, ctx)[1]}"


def _cause(
    job: Job, verdicts: tuple[tuple[str, str, str], ...], ctx: Context
) -> tuple[str, str, Steps]:
    group, stop = job.group_name, f"farhand job stop {job.id}"
    said = {verdict for _, verdict, _ in verdicts}
    if job.group_name == CLOUD and ctx.live.cloud_away and said <= _ABSENT:
        return (
            "no_cloud",
            f"no worker of group {group} is online: {ctx.live.cloud_away}",
            (
                "name a group: farhand start RUNBOOK --run-on GROUP",
                f"or join a worker to this one: farhand token create --group {group}",
                stop,
            ),
        )
    if not verdicts:
        join = f"farhand token create --group {group}"
        return "no_member", f"group {group} has no worker", (join, stop)
    if "offered" in said:
        who = next(name for name, verdict, _ in verdicts if verdict == "offered")
        return "offered", f"it was offered to {who}", ()
    if "free" in said:
        return "queued", "it is next in the queue", ()
    if "no free slot" in said:
        see = f"farhand job list --group {group} --state running"
        return "no_free_slot", f"every slot of group {group} is taken", (see,)
    if said <= _ABSENT:
        start = f"start the agent on {verdicts[0][0]}: farhand-agent run"
        return "no_member_online", f"no member of group {group} is online", (start, stop)
    if "cannot" in said and said <= _ABSENT | {"cannot", "held back"}:
        return _no_interpreter(job, verdicts)
    return "no_member_able", f"no member of group {group} can take it now", (stop,)


def _no_interpreter(job: Job, verdicts: tuple[tuple[str, str, str], ...]) -> tuple[str, str, Steps]:
    kind, where = job.runbook_type.value, next(n for n, said, _ in verdicts if said == "cannot")
    return (
        "no_interpreter",
        f"no member of group {job.group_name} that is online has an interpreter for {kind}",
        (
            f"install {PROGRAMS[job.runbook_type]} on {where} and restart its agent",
            f"or say where it is: farhand-agent run --interpreter {kind}=PATH",
            f"farhand job stop {job.id}",
        ),
    )


def _verdict(job: Job, worker: Worker, ctx: Context) -> tuple[str, str]:
    session = ctx.live.of_worker(worker.id)
    if session is None and ctx.faults.holds_back(worker.id):
        return "held back", f"after failures; look, then: farhand worker resume {worker.name}"
    if session is None:
        return "not connected", f"last address {worker.address}" if worker.address else ""
    return _word(job, session, ctx)


def _word(job: Job, session: Session, ctx: Context) -> tuple[str, str]:
    refused = ctx.live.refusals.get((job.id, session.worker))
    if refused is not None:
        return "refused", refused[1]
    if job.runbook_type not in session.types:
        return "cannot", f"no interpreter for {job.runbook_type.value}"
    return _present(job, session, ctx)


def _present(job: Job, session: Session, ctx: Context) -> tuple[str, str]:
    if any(offer.session == session.id for offer in ctx.live.offers_of(job.id)):
        return "offered", "has not answered yet"
    if session.draining:
        return "draining", "takes no new jobs"
    if not session.ready:
        return "connecting", "has not sent its first heartbeat"
    if dispatch.is_silent(session, ctx):
        return "silent", "owes an answer; it gets jobs again when it is heard"
    if session.free < 1:
        return "no free slot", f"{session.used} of {session.slots} in use"
    return "free", ""


def _other(job: Job, ctx: Context) -> Explanation:
    where = f" on {job.worker_name}{_away(job, ctx)}" if job.worker_name else ""
    words = {
        JobStatus.ACTIVATING: f"is being started{where}",
        JobStatus.RUNNING: f"is running{where}",
        JobStatus.STOPPING: f"is being stopped{where}",
        JobStatus.SUSPENDING: f"is being frozen{where}",
        JobStatus.RESUMING: f"is being thawed{where}",
        JobStatus.DISCONNECTED: f"{job.details}{_last_heard(job, ctx)}",
        JobStatus.SUSPENDED: job.details,
    }
    over = f"is over: {job.status.name.capitalize()}"
    if job.details:
        over += f", {job.details}"
    code = job.suspension.value if job.suspension else job.status.name.lower()
    return Explanation(job=job, code=code, message=words.get(job.status, over), do=_steps(job))


def _away(job: Job, ctx: Context) -> str:
    """Within a lease the state of a job does not say that its worker is gone."""
    if job.worker is None or ctx.live.of_worker(job.worker) is not None:
        return ""
    return ", which is out of contact at this moment; what runs there goes on"


def _last_heard(job: Job, ctx: Context) -> str:
    worker = ctx.tx.worker(job.worker) if job.worker is not None else None
    if worker is None or worker.last_seen is None:
        return ""
    minutes = max(0, ctx.now.unix_ms - worker.last_seen) // 60_000
    return f". Last heard {minutes} min ago" if minutes else ". Last heard less than a minute ago"


def _steps(job: Job) -> Steps:
    look, stop = f"look at {job.worker_name}", f"farhand job stop {job.id}"
    give_up = f'farhand job force-close {job.id} --reason "…"'
    once_more = f"farhand job resume {job.id}"
    match job.status:
        case JobStatus.DISCONNECTED:
            return (look, f"{stop} (when it returns)", f"{give_up} (gives up)")
        case JobStatus.SUSPENDED if job.is_frozen:
            return (once_more, stop)
        case JobStatus.SUSPENDED:
            end = give_up if job.may_run else stop
            return (look, f"{once_more} (starts it once more)", end)
        case JobStatus.RUNNING:
            return (f"farhand job follow {job.id}",)
    return ()
