"""What may happen to a worker. A frame from the server is an event as it is (`frames`)."""

from dataclasses import dataclass, field

from farhand_agent.core.frames import AttemptId, Exit, Phase, ServerFrame

# ---- the stream ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectDue:
    """It is time to connect; a stream is opened as soon as every runner has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The stream stands; the server waits for a Hello."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """The server sent what is no frame of this protocol; `reason` says in what way."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The stream has ended, for whatever reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writable:
    """The stream can carry another message."""


# ---- the runners ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerAsked:
    """A runner was asked what it does. `id` is None where only its answer can tell."""

    runner: int
    id: AttemptId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerState:
    """Its answer: the attempt it serves (None: it is a spare) and how far that came."""

    runner: int
    id: AttemptId | None
    phase: Phase = Phase.RUNNING
    size: int = 0
    #: Why it is void.
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerGone:
    """The conversation with a runner ended, or the runner has let go of the attempt; it may live
    on."""

    runner: int
    id: AttemptId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStarted:
    """The interpreter was started."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFrozen:
    """Every process of the attempt stands still."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerThawed:
    """The attempt goes on."""

    id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerVoid:
    """The attempt was claimed as void: it never ran and never will."""

    id: AttemptId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerData:
    """Whole spool entries arrived, `size` bytes from `offset`; the link holds them."""

    id: AttemptId
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerExited:
    """The attempt has ended, and all of its spool was read."""

    id: AttemptId
    exit: Exit
    size: int
    crc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerAsks:
    """A script asks the server for something; said again in each conversation until it is
    answered."""

    id: AttemptId
    ask: int
    question: bytes = field(repr=False)


# ---- offers --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLookedUp:
    """Whether a job may run as the user of an offer; `refusal` says why not, or is empty."""

    offer_id: str
    refusal: str
    #: Nobody has answered; who asks again soon may learn more.
    for_now: bool = False


# ---- the rest ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A moment that the rules asked for has come, or any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownRequested:
    """The agent is to end; what runs goes on without it."""


RunnerEvent = (
    RunnerAsked
    | RunnerState
    | RunnerGone
    | RunnerStarted
    | RunnerFrozen
    | RunnerThawed
    | RunnerVoid
    | RunnerData
    | RunnerExited
    | RunnerAsks
)
Event = (
    ServerFrame
    | ConnectDue
    | Connected
    | Malformed
    | Lost
    | Writable
    | RunnerEvent
    | UserLookedUp
    | Tick
    | ShutdownRequested
)
