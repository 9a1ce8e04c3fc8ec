"""What is said on the stream, as plain values; only `link.convert` knows the wire as well.

Joining (Register, Challenge, Proof) is not here: it needs a key and no rules.
"""

import enum
from dataclasses import dataclass, field


class RunbookType(enum.StrEnum):
    """What a script is written in."""

    BASH = "bash"
    PYTHON = "python"
    POWERSHELL = "powershell"


class Phase(enum.Enum):
    """How far an attempt came on this host."""

    #: The script was started, or may have been; it has not ended.
    RUNNING = "running"
    #: The exit entry is in the spool.
    EXITED = "exited"
    #: Every process of it stands still, until it is thawed or stopped.
    FROZEN = "frozen"
    #: Claimed as void before anything ran: it will never run here.
    VOID = "void"


@dataclass(frozen=True, slots=True, order=True)
class AttemptId:
    """One attempt at a job, the unit of everything a worker does."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One attempt that this host knows; `size` is what its spool holds so far, in bytes."""

    id: AttemptId
    phase: Phase
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an attempt ended: exactly one of code, signal and reason is set."""

    code: int | None = None
    signal: int | None = None
    reason: str | None = None
    stopped: bool = False
    #: With a reason: who watched the script was lost with it, so how it ended is not known.
    lost: bool = False


# ---- from the server -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """The attempt is current: send its spool from `stored`, free it below `durable`."""

    id: AttemptId
    stored: int
    durable: int
    #: zlib.crc32 of what is stored; None if it is not known.
    crc: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """The server wants no more of this attempt: end it if it runs, then forget it."""

    id: AttemptId
    reason: str
    #: A script that runs is left alone until it ends by itself.
    let_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The session stands."""

    session_number: int
    heartbeat_ms: int
    lease_ms: int
    window_bytes: int
    output_frame_bytes: int
    verdicts: tuple[Continue | Discard, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAck:
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Would this host run such a job now?"""

    offer_id: str
    runbook_type: RunbookType | None
    digest: str
    #: The user that it is to run as; empty: that of the agent.
    run_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    offer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The attempt is this host's to run. `script` is None when the host said it is cached."""

    offer_id: str
    id: AttemptId
    runbook: str
    runbook_version: int
    runbook_type: RunbookType | None
    digest: str
    script: bytes | None = field(repr=False)
    parameters_json: str = field(repr=False)
    arguments: tuple[str, ...] = field(repr=False)
    group: str
    stop_grace_ms: int
    #: The runner ends the script after this; 0: never.
    timeout_ms: int = 0
    #: What the runner masks.
    secrets: tuple[str, ...] = field(repr=False, default=())
    #: The user that it runs as; empty: that of the agent.
    run_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    id: AttemptId
    grace_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Every process of the attempt is to stand still."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class Thaw:
    """A frozen attempt is to go on."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAck:
    """Cumulative: `stored` moves the window, `durable` frees the spool."""

    id: AttemptId
    stored: int
    durable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    id: AttemptId
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAck:
    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To one Ask; `answer` is for its runner alone."""

    id: AttemptId
    ask: int
    answer: bytes = field(repr=False)


# ---- from the agent ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """This worker is back; who it is, the link adds."""

    session_number: int
    slots: int
    journal: tuple[JournalEntry, ...]
    #: False: a runner did not say which attempt it serves, so absence proves nothing.
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    sequence: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    offer_id: str
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    offer_id: str
    reason: str
    #: Only at this moment: the host may be asked again soon.
    for_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStarted:
    id: AttemptId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Every process of the attempt stands still."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class Thawed:
    """The attempt goes on."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """`size` bytes of the spool from `offset`; the link holds the bytes and adds them."""

    id: AttemptId
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    id: AttemptId
    exit: Exit
    size: int
    crc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A script asks for something; `question` is for the server alone."""

    id: AttemptId
    #: Rises in its attempt.
    ask: int
    question: bytes = field(repr=False)


# ---- from either ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """No new jobs. From the server: connect again after `retry_after_ms`."""

    reason: str
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    reason: str


ServerFrame = (
    Welcome
    | HeartbeatAck
    | Offer
    | Withdraw
    | Grant
    | Stop
    | Freeze
    | Thaw
    | OutputAck
    | Resend
    | ResultAck
    | Answer
    | Drain
    | Goodbye
)
AgentFrame = (
    Hello
    | Heartbeat
    | Accept
    | Reject
    | Started
    | NotStarted
    | Frozen
    | Thawed
    | Output
    | Result
    | Ask
    | Drain
    | Goodbye
)
