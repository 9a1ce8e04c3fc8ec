"""What happens to the rules: calls of operators, news of sessions, time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from farhand_server.model import frames
from farhand_server.model.account import AccountKey, Principal, RegistrationToken
from farhand_server.model.asset import AssetKind
from farhand_server.model.clock import Instant
from farhand_server.model.identifiers import JobId, SessionId, WorkerId
from farhand_server.model.output import Extent, SpoolId
from farhand_server.model.parameter import Json
from farhand_server.model.runbook import Delivery, RunbookType
from farhand_wire import limits

#: Names the caller that waits for an Answer.
CallId = NewType("CallId", int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody waits for an Answer."""

    call: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Asked):
    """An operator asks; `by` comes from the bearer token."""

    by: Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class StartJob(Call):
    job: JobId
    runbook: str
    run_on: str
    parameters: str = field(repr=False)
    arguments: tuple[str, ...] = field(repr=False)
    #: Of a child: the job that asked for it, how far below the first one it is, and whether it goes
    #: with its parent.
    parent: JobId | None = None
    depth: int = 0
    stop_with_parent: bool = False
    #: Run the draft.
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopJob(Call):
    job: JobId
    #: SIGTERM to SIGKILL.
    grace_ms: int = int(limits.STOP_GRACE_SECONDS * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendJob(Call):
    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeJob(Call):
    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCloseJob(Call):
    job: JobId
    #: For people.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRunbook(Call):
    name: str
    type: RunbookType
    digest: str
    script: bytes = field(repr=False)
    description: str = ""
    publish: bool = False
    force: bool = False
    #: What the draft must be for it to be replaced; empty: anything.
    draft_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRunbook(Call):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertRunbook(Call):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRunbook(Call):
    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRunbook(Call):
    """Changes the settings that `fields` names; the others are not looked at."""

    name: str
    fields: frozenset[str]
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    #: None: as the account says.
    delivery: Delivery | None = None
    #: Seconds; 0: the delivery's own.
    lost_after: int = 0
    #: Seconds; 0: never.
    timeout: int = 0
    log_verbose: bool = False
    log_progress: bool = False
    #: None: as the account says.
    grants: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAsset(Call):
    kind: AssetKind
    name: str
    #: None, in this and what follows: nothing is said of it.
    description: str | None = None
    #: Of a variable.
    encrypted: bool = False
    values: Mapping[str, Json] | None = None
    secrets: Mapping[str, Json] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAsset(Call):
    kind: AssetKind
    name: str
    description: str | None = None
    values: Mapping[str, Json] | None = None
    secrets: Mapping[str, Json] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAsset(Call):
    kind: AssetKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAccount(Call):
    """None: as it was."""

    delivery: Delivery | None = None
    grants_listed_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRunbook(Call):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateGroup(Call):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGroup(Call):
    """What is None stays as it is."""

    name: str
    #: A credential; empty: Default.
    run_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGroup(Call):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorker(Call):
    name: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeWorker(Call):
    """Lets a worker back in: `machine` names the party that keeps its identity; empty: the worker
    was held back."""

    name: str
    machine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDispatch(Call):
    """Jobs are dispatched although workers have not reported since the restore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRegistrationToken(Call):
    token: RegistrationToken


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeRegistrationToken(Call):
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceAccountKey(Call):
    key: AccountKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain(Call):
    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Call):
    """Who is online, and how busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A proven Register arrived on a new stream."""

    session: SessionId
    register: frames.Register
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """A proven Hello arrived on a new stream; `extents` tells what the output store holds of each
    attempt in its journal."""

    session: SessionId
    hello: frames.Hello
    address: str
    #: When its proof was asked for: its agent lived at that moment, and not only before.
    challenged: Instant
    extents: dict[SpoolId, Extent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resigned(Asked):
    """A worker that has proven its key, without a session, leaves its group."""

    worker: WorkerId
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A frame of an open session, but for Output and Result."""

    session: SessionId
    frame: frames.AgentFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildOf(Asked):
    """A job of this session asks for a child of its own."""

    session: SessionId
    job: JobId
    attempt: int
    child: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A Result whose whole spool is durable."""

    session: SessionId
    result: frames.Result
    extent: Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRemoved:
    """Durably nothing is stored any more of this job's output."""

    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The stream ended; `clean` if the worker said Goodbye."""

    session: SessionId
    clean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLow:
    """The control plane's own disk is almost full, or has room again."""

    low: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAway:
    """The control plane's own worker does not run, or does again."""

    #: Why not, in words; empty: it runs.
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed: something may be due."""


Event = (
    StartJob
    | StopJob
    | SuspendJob
    | ResumeJob
    | ForceCloseJob
    | ImportRunbook
    | PublishRunbook
    | RevertRunbook
    | RollbackRunbook
    | UpdateRunbook
    | DeleteRunbook
    | CreateAsset
    | UpdateAsset
    | DeleteAsset
    | UpdateAccount
    | CreateGroup
    | UpdateGroup
    | DeleteGroup
    | DeleteWorker
    | ResumeWorker
    | ReleaseDispatch
    | CreateRegistrationToken
    | RevokeRegistrationToken
    | ReplaceAccountKey
    | Explain
    | Overview
    | Joined
    | Greeted
    | Resigned
    | Said
    | ChildOf
    | Ended
    | OutputRemoved
    | Lost
    | DiskLow
    | CloudAway
    | Tick
)
