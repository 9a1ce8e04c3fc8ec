"""What a running job asks the control plane for, and what it is answered."""

from dataclasses import dataclass, field

from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import JobId
from farhand_server.model.job import Job
from farhand_server.model.parameter import Json

# --- questions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAsset:
    """An asset of the job's account, as it is now."""

    kind: AssetKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariable:
    """Gives a variable that exists another value."""

    name: str
    value: Json = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChild:
    """Starts a published runbook as a child of the job."""

    job: JobId
    runbook: str
    run_on: str
    #: A JSON object.
    parameters: str = field(repr=False)
    #: Its values in positional order, as text.
    arguments: tuple[str, ...] = field(repr=False, default=())
    stop_with_parent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChild:
    """How a child is; with `wait`, when it is over."""

    job: JobId
    wait: bool = False


Question = GetAsset | SetVariable | StartChild | GetChild

# --- answers --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetAnswer:
    """An asset with everything that is sealed of it."""

    asset: Asset
    secrets: dict[str, Json] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It was done. What the job wrote of a secret is masked from now on."""

    secret: Json = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildAnswer:
    """A child as it is."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputText:
    """A piece of what a child has written."""

    text: str
    attempt: int
    offset: int
    end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It was not done, and nothing was changed."""

    reason: str
    message: str


Answer = AssetAnswer | Done | ChildAnswer | OutputText | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRead:
    """Which version of an asset a job has read, or written, and when first."""

    job: JobId
    attempt: int
    kind: AssetKind
    name: str
    version: int
    written: bool
    at: UnixMs
