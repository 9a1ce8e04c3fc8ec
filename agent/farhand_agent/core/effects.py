"""What the rules want done, in this order. Each is carried out before the next one."""

from dataclasses import dataclass, field

from farhand_agent.core.frames import AgentFrame, AttemptId, Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStream:
    """Dial the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFrame:
    """Send this, after everything sent before."""

    frame: AgentFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStream:
    """Send what waits, close this half, and connect again after `retry_after_seconds` (None: after
    the usual backoff). `fault` is set when the server broke the protocol."""

    reason: str
    retry_after_seconds: float | None = None
    fault: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Persist:
    """Sync the session number to disk before anything else is sent."""

    session_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpUser:
    """Find out whether this host knows the user of an offer; answered by UserLookedUp."""

    offer_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRunner:
    """Give this to a spare runner, or to the next one that becomes ready."""

    grant: Grant
    script: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRunner:
    """Begin a new conversation with the attempt's runner; what was read of the old one is void."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpool:
    """Ask for the spool from `offset`, at first `credit` bytes. `crc`: the checksum of what the
    server has below `offset`, where that is known."""

    id: AttemptId
    offset: int
    credit: int
    crc: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantCredit:
    """The runner may send so many bytes more."""

    id: AttemptId
    credit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSpool:
    """The server holds this prefix for good."""

    id: AttemptId
    durable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRunner:
    """End the attempt's process tree."""

    id: AttemptId
    grace_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeRunner:
    """Let the attempt's process tree stand still."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class ThawRunner:
    """Let it go on."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRunner:
    """The server's answer to what the attempt's script has asked."""

    id: AttemptId
    ask: int
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveRunner:
    """Nobody needs the attempt any more, but its script is left alone: its sandbox goes when that
    has ended by itself, and then its runner is gone."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRunner:
    """Nobody needs the attempt any more: its sandbox may go, after its script was ended if
    `stop_grace_ms` is set."""

    id: AttemptId
    stop_grace_ms: int | None = None


Effect = (
    OpenStream
    | SendFrame
    | EndStream
    | Persist
    | LookUpUser
    | StartRunner
    | DialRunner
    | ReadSpool
    | GrantCredit
    | FreeSpool
    | StopRunner
    | FreezeRunner
    | ThawRunner
    | AnswerRunner
    | LeaveRunner
    | FinishRunner
)
