"""A job: one run of one runbook version on one group, and the states it may pass through."""

import enum
from dataclasses import dataclass, replace

from farhand_server.errors import IllegalTransition
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, JobId, WorkerId
from farhand_server.model.runbook import RunbookType


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
    #: Retention is deleting it.
    REMOVING = 12

    @property
    def is_final(self) -> bool:
        """Nothing but its removal changes it any more."""
        return self in _FINAL

    @property
    def is_granted(self) -> bool:
        """A worker holds, or may hold, its current attempt."""
        return self in _GRANTED

    def may_become(self, following: "JobStatus") -> bool:
        """Whether a rule may move a job from here to `following`."""
        return following in _TRANSITIONS[self]


_S = JobStatus
_FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.STOPPED})
_GRANTED = frozenset({_S.ACTIVATING, _S.RUNNING, _S.DISCONNECTED, _S.STOPPING})
_ENDS = frozenset({_S.COMPLETED, _S.FAILED, _S.STOPPED})
#: Everything that is not listed is refused.
_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    _S.NEW: frozenset({_S.ACTIVATING, _S.BLOCKED, _S.STOPPED}),
    _S.BLOCKED: frozenset({_S.NEW, _S.ACTIVATING, _S.STOPPED}),
    _S.ACTIVATING: _ENDS | {_S.NEW, _S.RUNNING, _S.DISCONNECTED, _S.STOPPING, _S.SUSPENDED},
    _S.RUNNING: _ENDS | {_S.NEW, _S.DISCONNECTED, _S.STOPPING, _S.SUSPENDING, _S.SUSPENDED},
    _S.DISCONNECTED: _ENDS | {_S.NEW, _S.RUNNING, _S.STOPPING, _S.SUSPENDED},
    _S.STOPPING: _ENDS | {_S.SUSPENDED},
    _S.SUSPENDING: _ENDS | {_S.SUSPENDED, _S.STOPPING, _S.DISCONNECTED},
    _S.SUSPENDED: _ENDS | {_S.NEW, _S.RUNNING, _S.RESUMING, _S.STOPPING},
    _S.RESUMING: _ENDS | {_S.RUNNING, _S.STOPPING, _S.SUSPENDED, _S.DISCONNECTED},
    _S.COMPLETED: frozenset({_S.REMOVING}),
    _S.FAILED: frozenset({_S.REMOVING}),
    _S.STOPPED: frozenset({_S.REMOVING}),
    _S.REMOVING: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a script ended: exactly one of code, signal and reason is set."""

    code: int | None = None
    signal: int | None = None
    reason: str | None = None
    #: The runner had signalled the tree because of a Stop.
    stopped: bool = False

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
    #: Fencing token: 0 before the first grant, then 1, 2, …; never repeats.
    attempt: int = 0
    worker: WorkerId | None = None
    worker_name: str = ""
    #: JSON object, as the runbook receives it.
    parameters: str = "{}"
    #: Values in positional order.
    arguments: tuple[str, ...] = ()
    started_by: str = ""
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
        return replace(self, status=status, details=details)

    def grant(self, *, worker: WorkerId, worker_name: str) -> "Job":
        """The next attempt, given to `worker`."""
        granted = self.become(JobStatus.ACTIVATING)
        return replace(
            granted, attempt=self.attempt + 1, worker=worker, worker_name=worker_name, started=None
        )

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
