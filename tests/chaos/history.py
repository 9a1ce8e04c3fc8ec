"""What was seen of every job, from outside: the material of the checker."""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.chaos.runbooks import Task
from tests.chaos.witness import Oath

from farhand_server.model.job import JobStatus

#: An attempt and one of its streams.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The job as one answer of the server showed it."""

    at: float
    status: JobStatus
    attempt: int
    #: Suspended because somebody asked for it: nothing of it moves.
    is_frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A committed change of status, in the order of commits."""

    status: JobStatus
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The job when all was over."""

    status: JobStatus
    attempt: int
    details: str = ""
    code: int | None = None
    signal: int | None = None
    #: Unix time in seconds, by the server's clock.
    created: float = 0.0
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`farhand job follow`, run to its end."""

    code: int
    output: bytes
    error: str


@dataclass(slots=True, kw_only=True)
class JobHistory:
    """One job; times are those of `witness.now`."""

    job: str
    task: Task
    #: When StartJob was sent first, and when it was answered.
    sent: float = 0.0
    acknowledged: float | None = None
    #: When a server that had acknowledged it did not know it.
    unknown: list[float] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    stop_sent: float | None = None
    #: When somebody first asked that it go on, and how often that was granted.
    resume_sent: float | None = None
    resumes: int = 0
    #: Attempts whose end nobody can know: their runner was killed, or a restore lost that time.
    lost: set[int] = field(default_factory=set)
    #: Processes of it that lived on when it was seen to be Stopped.
    survivors: list[str] = field(default_factory=list)
    #: What a follower received that was reconnecting all the time; None: there was none.
    followed: defaultdict[Place, bytearray] | None = None
    reconnects: int = 0
    command: Command | None = None
    moves: list[Move] = field(default_factory=list)
    ending: Ending | None = None
    stored: dict[Place, bytes] = field(default_factory=dict)
    #: Ranges that the server says are gone.
    omitted: int = 0
    oaths: list[Oath] = field(default_factory=list)

    @property
    def first_final(self) -> Seen | None:
        """When somebody saw its end first."""
        return next((seen for seen in self.seen if seen.status.is_final), None)

    def executions(self, attempt: int | None = None) -> int:
        """How often its script was started, or that of one attempt."""
        return sum(
            oath.block == 0 and (attempt is None or oath.attempt == attempt) for oath in self.oaths
        )

    def blocks(self, attempt: int) -> list[int]:
        """What an attempt swore to print, in order."""
        return [oath.block for oath in self.oaths if oath.attempt == attempt and oath.block]
