"""A job: one run of one runbook version on one group, and the states it may pass through."""

import enum
from dataclasses import dataclass, field, replace

from farhand_server.errors import IllegalTransition
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, JobId, WorkerId
from farhand_server.model.runbook import Delivery, RunbookType
from farhand_server.model.worker import Ground
from farhand_wire import limits


class JobStatus(enum.Enum):
    """Azure's thirteen states, with Azure's numbers."""

    #: Waits for a worker.
    NEW = 0
    #: Granted to a worker, not yet seen to run.
    ACTIVATING = 1
    RUNNING = 2
    #: The script ended with exit code 0.
    COMPLETED = 3
    #: The script ended otherwise, or could not be run.
    FAILED = 4
    #: Ended on request; nothing of it runs any more.
    STOPPED = 5
    #: Cannot be placed.
    BLOCKED = 6
    #: Waits for a person.
    SUSPENDED = 7
    #: Its worker is out of contact; the script may still run.
    DISCONNECTED = 8
    SUSPENDING = 9
    #: A stop was asked for; the tree has not ended yet.
    STOPPING = 10
    RESUMING = 11
    #: It is being deleted: its output first, then its row. Nobody sees it any more.
    REMOVING = 12

    @property
    def is_final(self) -> bool:
        """Nothing but its removal changes it any more."""
        return self in _FINAL

    @property
    def is_granted(self) -> bool:
        """A worker holds its current attempt, as far as anybody knows."""
        return self in _GRANTED

    def may_become(self, following: "JobStatus") -> bool:
        """Whether a rule may move a job from here to `following`."""
        return following in _TRANSITIONS[self]


_S = JobStatus
_FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.STOPPED})
_GRANTED = frozenset(
    {
        _S.ACTIVATING,
        _S.RUNNING,
        _S.DISCONNECTED,
        _S.SUSPENDING,
        _S.STOPPING,
        _S.RESUMING,
    }
)
_ENDS = frozenset({_S.COMPLETED, _S.FAILED, _S.STOPPED})
#: Ways of every granted attempt: it ends, is missed, never ran, or nobody knows what became of it.
_FATES = _ENDS | {_S.NEW, _S.DISCONNECTED, _S.STOPPING, _S.SUSPENDED}
#: Everything that is not listed is refused.
_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    _S.NEW: frozenset({_S.ACTIVATING, _S.BLOCKED, _S.STOPPED, _S.FAILED}),
    _S.BLOCKED: frozenset({_S.NEW, _S.ACTIVATING, _S.STOPPED, _S.FAILED}),
    _S.ACTIVATING: _FATES | {_S.RUNNING, _S.SUSPENDING},
    _S.RUNNING: _FATES | {_S.SUSPENDING},
    _S.DISCONNECTED: _FATES - {_S.DISCONNECTED} | {_S.RUNNING},
    _S.STOPPING: _ENDS | {_S.SUSPENDED},
    _S.SUSPENDING: _FATES | {_S.RUNNING, _S.RESUMING},
    _S.SUSPENDED: _FATES - {_S.SUSPENDED} | {_S.RUNNING, _S.RESUMING},
    _S.RESUMING: _FATES | {_S.RUNNING},
    _S.COMPLETED: frozenset({_S.REMOVING}),
    _S.FAILED: frozenset({_S.REMOVING}),
    _S.STOPPED: frozenset({_S.REMOVING}),
    _S.REMOVING: frozenset(),
}


class Suspension(enum.Enum):
    """Why a job is Suspended."""

    #: Somebody asked for it: its processes stand still, its attempt goes on when it is resumed.
    FROZEN = "frozen"
    #: Its attempt may have run, and how it ended is not known.
    INDETERMINATE = "indeterminate"
    #: So it was with every attempt that it could have.
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a script ended: exactly one of code, signal and reason is set."""

    code: int | None = None
    signal: int | None = None
    reason: str | None = None
    #: The runner had signalled the tree because of a Stop.
    stopped: bool = False
    #: With a reason: who watched the script was lost with it, so its end is not known.
    lost: bool = False

    def status(self, *, stopping: bool) -> JobStatus:
        """The final state of the job. A stop that lost the race against the script's own end does
        not make it Stopped: that word means that the runner ended it."""
        if stopping and self.stopped:
            return JobStatus.STOPPED
        return JobStatus.COMPLETED if self.code == 0 else JobStatus.FAILED

    def sentence(self, status: JobStatus) -> str:
        """The end in words, for people."""
        if status is JobStatus.STOPPED:
            return "stopped on request"
        if self.code is not None:
            return f"the runbook ended with exit code {self.code}"
        if self.signal is not None:
            return f"the runbook was ended by signal {self.signal}"
        return self.reason or "the runbook could not be run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as its row holds it. Names are kept beside ids so that history outlives deletions."""

    id: JobId
    account: AccountId
    runbook: str
    #: 0: a draft.
    runbook_version: int
    runbook_type: RunbookType
    #: SHA-256 of the script, hexadecimal: the version it is pinned to.
    digest: str
    #: Bytes of the script.
    runbook_size: int = 0
    group: GroupId
    group_name: str
    status: JobStatus
    #: One sentence for people; empty when the status says it all.
    details: str = ""
    delivery: Delivery = Delivery.AT_MOST_ONCE
    #: Seconds without contact after which a Disconnected job is given up.
    lost_after: int = Delivery.AT_MOST_ONCE.lost_after
    #: Seconds after which the runner ends the script; 0: never.
    timeout: int = 0
    #: Set while it is Suspended.
    suspension: Suspension | None = None
    #: Fencing token: 0 before the first grant, then 1, 2, …; never repeats.
    attempt: int = 0
    #: Numbers up to this one may have been given away in a time that a restore has lost.
    reserved: int = 0
    #: Attempts that may have run and did not tell how they ended.
    counted: int = 0
    #: Nothing proves that its current attempt is over.
    may_run: bool = False
    #: Milliseconds for which its worker has been missed, as far as they were written down.
    away_ms: int = 0
    #: SIGTERM to SIGKILL of the Stop that was asked for.
    stop_grace_ms: int = int(limits.STOP_GRACE_SECONDS * 1000)
    worker: WorkerId | None = None
    worker_name: str = ""
    #: Where its current attempt was granted, or found.
    ground: Ground = field(default_factory=Ground)
    #: JSON object, as the runbook receives it.
    parameters: str = "{}"
    #: Values in positional order.
    arguments: tuple[str, ...] = ()
    #: Values of its secret parameters, sealed until it is final; masks stand in their places.
    sealed: bytes | None = field(default=None, repr=False)
    started_by: str = ""
    #: The job that started it; None: somebody, or something else.
    parent: JobId | None = None
    #: Generations between it and the first one.
    depth: int = 0
    #: It is stopped when its parent is, or when that fails.
    stop_with_parent: bool = False
    #: The last question of its current attempt that changed something.
    asked: int = 0
    #: Streams that are shown to whoever names none.
    log_verbose: bool = False
    log_progress: bool = False
    #: The user that it runs as; empty: that of the agent.
    run_as: str = ""
    #: A test run of a draft: in no history, and removed by the next one.
    test: bool = False
    created: UnixMs
    started: UnixMs | None = None
    ended: UnixMs | None = None
    end: End | None = None
    #: Bytes of the streams, known when it is final.
    output_bytes: int = 0

    def become(self, status: JobStatus, *, details: str = "") -> "Job":
        """This job in another state. Raises IllegalTransition if the table has no such way."""
        if not self.status.may_become(status):
            raise IllegalTransition(job=self.id, old=self.status.name, new=status.name)
        return replace(self, status=status, details=details, suspension=None)

    def suspend(self, suspension: Suspension, *, details: str) -> "Job":
        """Waits for a person, for this reason from now on."""
        if self.status is not JobStatus.SUSPENDED:
            self = self.become(JobStatus.SUSPENDED)
        return replace(self, suspension=suspension, details=details)

    def wait_again(self) -> "Job":
        """New, and nobody's."""
        return replace(
            self.become(JobStatus.NEW),
            worker=None,
            worker_name="",
            started=None,
            may_run=False,
            away_ms=0,
        )

    def finish(self, status: JobStatus, *, details: str, ended: UnixMs) -> "Job":
        """Final, and nothing of it runs: its secrets go."""
        over = self.become(status, details=details)
        return replace(over, ended=ended, may_run=False, sealed=None)

    def grant(self, *, worker: WorkerId, worker_name: str, ground: Ground) -> "Job":
        """The next attempt, given to `worker`."""
        granted = self.become(JobStatus.ACTIVATING)
        return replace(
            granted,
            attempt=max(self.attempt, self.reserved) + 1,
            asked=0,
            worker=worker,
            worker_name=worker_name,
            ground=ground,
            started=None,
            may_run=True,
            away_ms=0,
        )

    @property
    def is_frozen(self) -> bool:
        return self.suspension is Suspension.FROZEN

    @property
    def is_held(self) -> bool:
        """A worker holds, or may hold, its current attempt."""
        return self.status.is_granted or (self.status is JobStatus.SUSPENDED and self.may_run)

    def is_served_by(self, worker: WorkerId, attempt: int) -> bool:
        """Whether `attempt` is current and belongs to `worker`."""
        return self.worker == worker and self.attempt == attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One grant of a job, kept as history."""

    job: JobId
    attempt: int
    worker: WorkerId
    worker_name: str
    granted: UnixMs
    ended: UnixMs | None = None
    #: How it ended, in words; empty while it has not.
    outcome: str = ""
