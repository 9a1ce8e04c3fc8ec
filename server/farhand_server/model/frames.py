"""What server and worker say to each other, as plain values; the edge turns them into messages."""

from dataclasses import dataclass, field

from farhand_server.model.ask import Answer as Told
from farhand_server.model.ask import Question
from farhand_server.model.identifiers import JobId, OfferId, SessionId, WorkerId
from farhand_server.model.job import End
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts, Ground

# --- what a worker says ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One attempt that a host knows."""

    job: JobId
    attempt: int
    #: "running", "frozen", "exited" or "void".
    phase: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A machine asks to join; its key is proven."""

    #: SHA-256 of the token or account key, hexadecimal: the secret stops at the edge.
    token_hash: str
    group: str
    worker_name: str
    public_key: bytes
    facts: Facts
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A worker is back; its key is proven."""

    worker: WorkerId
    session_number: int
    boot_id: str
    #: Empty: the journal may lack an attempt.
    journal_id: str
    instance: str
    facts: Facts
    slots: int
    journal: tuple[JournalEntry, ...] = ()

    @property
    def ground(self) -> Ground:
        return Ground(
            journal_id=self.journal_id, boot_id=self.boot_id, machine_id=self.facts.machine_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    sequence: int
    running: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    offer: OfferId
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    offer: OfferId
    reason: str
    #: Only at this moment: the worker may be asked again soon.
    for_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStarted:
    job: JobId
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Every process of the attempt stands still."""

    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thawed:
    """The attempt goes on."""

    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    job: JobId
    attempt: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    job: JobId
    attempt: int
    end: End
    size: int
    crc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A running script asks for something."""

    job: JobId
    attempt: int
    #: Rises in its attempt.
    ask: int
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    force: bool = False


# --- what the server says -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Prove that you hold the key."""

    server_nonce: bytes
    deployment: str
    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    worker: WorkerId
    worker_name: str
    group: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """Verdict: the attempt is current; send from `stored`."""

    job: JobId
    attempt: int
    stored: int
    durable: int
    crc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Verdict: the server wants nothing more of this attempt."""

    job: JobId
    attempt: int
    reason: str
    #: A script that runs is left alone until it ends by itself.
    let_run: bool = False


Verdict = Continue | Discard


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    session_number: int
    server_time_ms: int
    heartbeat_ms: int
    lease_ms: int
    verdicts: tuple[Verdict, ...] = ()
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAck:
    sequence: int
    server_time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    offer: OfferId
    job: JobId
    runbook_type: RunbookType
    digest: str
    size: int
    #: The user that it is to run as; empty: that of the agent.
    run_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    offer: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    #: Empty for a warm grant.
    offer: str
    job: JobId
    attempt: int
    runbook: str
    runbook_version: int
    runbook_type: RunbookType
    digest: str
    #: None: the worker has it.
    script: bytes | None = field(repr=False)
    parameters: str = field(repr=False)
    arguments: tuple[str, ...] = field(repr=False)
    group: str
    stop_grace_ms: int
    #: The runner ends the script after this; 0: never.
    timeout_ms: int = 0
    #: What the runner masks wherever the script writes it.
    secrets: tuple[str, ...] = field(repr=False, default=())
    #: The user that it runs as; empty: that of the agent.
    run_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    job: JobId
    attempt: int
    grace_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Every process of the attempt is to stand still."""

    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thaw:
    """A frozen attempt is to go on."""

    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAck:
    job: JobId
    attempt: int
    stored: int
    durable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    job: JobId
    attempt: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAck:
    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To one Ask."""

    job: JobId
    attempt: int
    ask: int
    answer: Told


# --- what both say --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    reason: str
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    reason: str


AgentFrame = (
    Register
    | Hello
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
    | Leave
    | Drain
    | Goodbye
)
ServerFrame = (
    Challenge
    | Registered
    | Welcome
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
