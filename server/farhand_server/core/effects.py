"""What may leave the rules, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from farhand_server.core.events import CallId
from farhand_server.errors import Refusal
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId, WorkerId
from farhand_server.model.job import Job
from farhand_server.model.output import Extent, SpoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A frame to a session. One that promises leaves after the commit, the others at once."""

    session: SessionId
    frame: frames.ServerFrame
    promises: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reply to a call: a value of the model, or why not."""

    call: CallId
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """The job has changed: whoever watches it learns what it is now."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSpool:
    """From now on this session may send output of this attempt."""

    session: SessionId
    spool: SpoolId
    extent: Extent
    #: The attempt was granted just now: nothing of it can be stored yet.
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSpool:
    """No output of this attempt is taken any more."""

    session: SessionId
    spool: SpoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    """The stream ends: with a refusal where the worker did something wrong."""

    session: SessionId
    reason: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A frame of this worker was refused, for a reason that operators see."""

    worker: WorkerId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that whoever reads the log of the server must find there."""

    text: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOutput:
    """Whatever is stored of this job's output goes; OutputRemoved follows."""

    job: JobId


Effect = Send | Answer | Wake | OpenSpool | CloseSpool | EndSession | Count | Notice | RemoveOutput
