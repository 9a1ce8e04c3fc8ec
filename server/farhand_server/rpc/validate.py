"""The one table of what requests and frames may hold; all violations are told at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import Message

from farhand_server.errors import InvalidRequest, Violation
from farhand_server.rpc import asset_rules
from farhand_server.rpc.convert import parameters
from farhand_server.rpc.rules import (
    Check,
    Inside,
    Masks,
    On,
    at_least,
    at_most,
    between,
    characters,
    exactly,
    matches,
    one_of,
    optional,
    required,
    size,
)
from farhand_server.rpc.values import (
    ASSET,
    DELIVERY,
    GRANT,
    JOB,
    MEMBER,
    NAMES,
    PLACES,
    RUNBOOK,
    STREAM,
    TYPE,
    UUID,
    cidr,
    life,
    span,
    tags,
)
from farhand_wire import limits, transcript
from farhand_wire.v1 import (
    account_pb2,
    hybrid_worker_group_pb2,
    hybrid_worker_pb2,
    job_pb2,
    runbook_pb2,
    worker_pb2,
)


def check(message: Message, at: str = "") -> None:
    """Raises InvalidRequest with every violation; `at` is the path to the message."""
    if violations := list(problems(message, at)):
        raise InvalidRequest(violations)


def problems(message: Message, at: str = "") -> Iterator[Violation]:
    """Every violation in `message`, by the table below."""
    for check in RULES.get(type(message), ()):
        yield from check(message, at)


@dataclass(frozen=True, slots=True)
class Part:
    """The message of a field, by its own rules."""

    field: str

    def __call__(self, message: Message, at: str) -> Iterator[Violation]:
        yield from problems(getattr(message, self.field), f"{at}{self.field}.")


@dataclass(frozen=True, slots=True)
class Each:
    """The messages of a repeated field, each by its own rules."""

    field: str

    def __call__(self, message: Message, at: str) -> Iterator[Violation]:
        for index, element in enumerate(getattr(message, self.field)):
            yield from problems(element, f"{at}{self.field}[{index}].")


# --- problems of two fields at once ---------------------------------------------------------


def order_names_parameters(message: Message, at: str) -> Iterator[Violation]:
    """Every name of parameter_order is a parameter, once."""
    assert isinstance(message, job_pb2.StartJobRequest)
    seen: set[str] = set()
    for index, name in enumerate(message.parameter_order):
        if name in seen or name not in message.parameters.fields:
            problem = "is named twice" if name in seen else "is not one of the parameters"
            yield Violation(field=f"{at}parameter_order[{index}]", problem=problem)
        seen.add(name)


def tail_or_from(message: Message, at: str) -> Iterator[Violation]:
    """The last lines, or from a place: not both."""
    if getattr(message, "tail_lines", 0) and message.HasField("from"):
        yield Violation(field=at + "tail_lines", problem="cannot be combined with from")


def offset_or_sequence(message: Message, at: str) -> Iterator[Violation]:
    """A place, or a record: not both."""
    assert isinstance(message, job_pb2.OutputPosition)
    if message.offset and message.sequence:
        yield Violation(field=at + "sequence", problem="cannot be combined with offset")


def one_or_every(message: Message, at: str) -> Iterator[Violation]:
    """One attempt, or every one: not both."""
    assert isinstance(message, job_pb2.GetJobReceiptRequest)
    if message.attempt and message.every_attempt:
        yield Violation(field=at + "attempt", problem="cannot be combined with every_attempt")


def draft_or_version(message: Message, at: str) -> Iterator[Violation]:
    """The draft, or a version: not both."""
    assert isinstance(message, runbook_pb2.ExportRunbookRequest)
    if message.draft and message.version:
        yield Violation(field=at + "version", problem="cannot be combined with draft")


def greeting(message: Message, at: str) -> Iterator[Violation]:
    """A Hello that shows a session token proves nothing, so it may only look."""
    assert isinstance(message, worker_pb2.Hello)
    if message.session_token:
        if not message.probe:
            words = "is only for a Hello with probe; a worker proves its key instead"
            yield Violation(field=at + "session_token", problem=words)
        return
    yield from On("client_nonce", exactly(transcript.NONCE_BYTES))(message, at)
    if not message.probe:
        yield from On("slots", between(1, limits.SLOTS_MOST))(message, at)


def something(message: Message, at: str) -> Iterator[Violation]:
    """An update changes something."""
    assert isinstance(message, account_pb2.UpdateAccountRequest)
    if not message.delivery and not message.HasField("grants_listed_only"):
        yield Violation(field=at + "delivery", problem="is required, or grants_listed_only")


def ending(message: Message, at: str) -> Iterator[Violation]:
    """A Result says how the script ended."""
    assert isinstance(message, worker_pb2.Result)
    if message.exit.WhichOneof("how") is None:
        yield Violation(field=at + "exit", problem="names neither code nor signal nor reason")


# --- the table ------------------------------------------------------------------------------

_OUTPUT = (
    On("job_id", JOB),
    Part("from"),
    On("tail_lines", at_least(0)),
    tail_or_from,
    On("streams", STREAM, each=True),
)
_ATTEMPT = (On("job_id", required(UUID)), On("attempt", at_least(1)))
_JOB = (On("job_id", JOB),)
_THE_RUNBOOK = (On("runbook", required(RUNBOOK)),)
_THE_GROUP = (On("group", required(MEMBER)),)
_THE_WORKER = (On("worker", required(MEMBER)),)
_OFFER = (On("offer_id", required(characters(64))),)

RULES: dict[type[Message], tuple[Check, ...]] = {
    # jobs
    job_pb2.StartJobRequest: (
        On("runbook", required(RUNBOOK, "is required: name a published runbook")),
        On("run_on", optional(MEMBER)),
        On("parameters", parameters.problem),
        order_names_parameters,
        On("job_id", optional(UUID)),
    ),
    job_pb2.GetJobRequest: _JOB,
    job_pb2.ListJobsRequest: (
        *PLACES,
        On("statuses", one_of(job_pb2.JobStatus, "is not a status"), each=True),
        On("runbook", optional(RUNBOOK)),
        On("run_on", optional(MEMBER)),
        On("parent_job_id", optional(UUID)),
    ),
    job_pb2.StopJobRequest: (*_JOB, On("grace", span(0, limits.STOP_GRACE_SECONDS_MOST))),
    job_pb2.SuspendJobRequest: _JOB,
    job_pb2.ResumeJobRequest: _JOB,
    job_pb2.ForceCloseJobRequest: (
        *_JOB,
        On("reason", required(characters(limits.REASON_CHARACTERS), "is required: say why")),
    ),
    job_pb2.WatchJobRequest: _JOB,
    job_pb2.ExplainJobRequest: _JOB,
    job_pb2.GetJobReceiptRequest: (*_JOB, On("attempt", at_least(0)), one_or_every),
    job_pb2.ReadJobOutputRequest: _OUTPUT,
    job_pb2.FollowJobOutputRequest: _OUTPUT,
    job_pb2.OutputPosition: (
        On("attempt", at_least(0)),
        On("offset", at_least(0)),
        On("sequence", at_least(0)),
        offset_or_sequence,
    ),
    # runbooks
    runbook_pb2.ImportRunbookRequest: (
        On("name", required(RUNBOOK)),
        On("type", TYPE),
        On("content", required(size(limits.RUNBOOK_BYTES), "is empty: a runbook is a script")),
        On("description", characters(limits.DESCRIPTION_CHARACTERS)),
        On("draft_digest", optional(matches(r"[0-9a-f]{64}", "is not a SHA-256"))),
    ),
    runbook_pb2.PublishRunbookRequest: _THE_RUNBOOK,
    runbook_pb2.RevertRunbookRequest: _THE_RUNBOOK,
    runbook_pb2.RollbackRunbookRequest: (*_THE_RUNBOOK, On("version", at_least(1))),
    runbook_pb2.ListRunbookVersionsRequest: (*_THE_RUNBOOK, *PLACES),
    runbook_pb2.UpdateRunbookRequest: (
        Part("runbook"),
        Masks(
            *("description", "tags", "delivery", "timeout", "lost_after"),
            *("log_verbose", "log_progress", "grants"),
        ),
    ),
    runbook_pb2.Runbook: (
        On("name", required(RUNBOOK)),
        On("description", characters(limits.DESCRIPTION_CHARACTERS)),
        On("tags", tags),
        On("delivery", optional(DELIVERY)),
        On("timeout", span(0, limits.JOB_TIMEOUT_SECONDS_MOST)),
        On("lost_after", span(0, limits.LOST_AFTER_SECONDS_MOST)),
        Part("grants"),
    ),
    runbook_pb2.RunbookGrants: (
        On("grants", at_most(limits.GRANTS_MOST)),
        On("grants", GRANT, each=True),
    ),
    runbook_pb2.GetRunbookRequest: _THE_RUNBOOK,
    runbook_pb2.ListRunbooksRequest: NAMES,
    runbook_pb2.ExportRunbookRequest: (
        *_THE_RUNBOOK,
        On("version", at_least(0)),
        draft_or_version,
    ),
    runbook_pb2.DeleteRunbookRequest: _THE_RUNBOOK,
    # groups and workers
    hybrid_worker_group_pb2.CreateHybridWorkerGroupRequest: (On("name", required(MEMBER)),),
    hybrid_worker_group_pb2.GetHybridWorkerGroupRequest: _THE_GROUP,
    hybrid_worker_group_pb2.ListHybridWorkerGroupsRequest: NAMES,
    hybrid_worker_group_pb2.UpdateHybridWorkerGroupRequest: (
        Inside("group", On("name", required(MEMBER)), On("run_as", optional(ASSET))),
        Masks("run_as"),
    ),
    hybrid_worker_group_pb2.DeleteHybridWorkerGroupRequest: _THE_GROUP,
    hybrid_worker_pb2.GetHybridWorkerRequest: _THE_WORKER,
    hybrid_worker_pb2.ListHybridWorkersRequest: (*NAMES, On("group", optional(MEMBER))),
    hybrid_worker_pb2.DeleteHybridWorkerRequest: _THE_WORKER,
    hybrid_worker_pb2.ResumeHybridWorkerRequest: (
        *_THE_WORKER,
        On("machine", characters(limits.FACT_CHARACTERS)),
    ),
    # assets
    **asset_rules.RULES,
    # the account
    account_pb2.UpdateAccountRequest: (On("delivery", optional(DELIVERY)), something),
    account_pb2.RegenerateAccountKeyRequest: (
        On("slot", one_of(account_pb2.AccountKeySlot, "is required: primary or secondary")),
    ),
    account_pb2.CreateRegistrationTokenRequest: (
        On("group", required(MEMBER)),
        On("ttl", life),
        On("uses", between(0, limits.TOKEN_USES_MOST)),
        On("cidrs", at_most(limits.TOKEN_CIDRS_MOST)),
        On("cidrs", cidr, each=True),
    ),
    account_pb2.ListRegistrationTokensRequest: PLACES,
    account_pb2.RevokeRegistrationTokenRequest: (
        On("token_id", required(matches(r"[0-9a-f]{8}", "is not the id of a token"))),
    ),
    # frames of a worker
    worker_pb2.Register: (
        On("token", required(characters(256))),
        On("group", required(MEMBER)),
        On("worker_name", required(MEMBER)),
        On("public_key", required(size(256))),
        On("client_nonce", exactly(transcript.NONCE_BYTES)),
    ),
    worker_pb2.Hello: (
        On("worker_id", required(UUID)),
        On("session_number", at_least(0)),
        On("boot_id", characters(64)),
        On("journal_id", characters(64)),
        On("instance", characters(64)),
        On("session_token", characters(256)),
        On("journal", at_most(limits.JOURNAL_ENTRIES)),
        Each("journal"),
        greeting,
    ),
    worker_pb2.JournalEntry: (
        *_ATTEMPT,
        On("phase", one_of(worker_pb2.AttemptPhase, "is required")),
        On("size", at_least(0)),
    ),
    worker_pb2.Proof: (On("signature", required(size(128))),),
    worker_pb2.Heartbeat: (On("sequence", at_least(1)), On("running", at_least(0))),
    worker_pb2.Accept: _OFFER,
    worker_pb2.Reject: _OFFER,
    worker_pb2.Started: _ATTEMPT,
    worker_pb2.NotStarted: _ATTEMPT,
    worker_pb2.Frozen: _ATTEMPT,
    worker_pb2.Thawed: _ATTEMPT,
    worker_pb2.Ask: (*_ATTEMPT, On("ask_id", at_least(1))),
    worker_pb2.GetAsset: (
        On("kind", matches("variable|credential|certificate|connection", "is no kind of asset")),
        On("name", required(characters(limits.ASSET_NAME_CHARACTERS))),
    ),
    worker_pb2.SetVariable: (
        On("name", required(characters(limits.ASSET_NAME_CHARACTERS))),
        On("value_json", parameters.problem_of_value),
    ),
    worker_pb2.StartChild: (
        On("job_id", required(UUID)),
        On("runbook", required(RUNBOOK)),
        On("run_on", optional(MEMBER)),
        On("parameters_json", parameters.problem_of_text),
    ),
    worker_pb2.GetChild: (On("job_id", required(UUID)),),
    worker_pb2.ReadChild: (On("job_id", required(UUID)), Part("from")),
    worker_pb2.Output: (
        *_ATTEMPT,
        On("offset", at_least(0)),
        On("data", required(size(limits.OUTPUT_FRAME_BYTES))),
    ),
    worker_pb2.Result: (*_ATTEMPT, On("size", at_least(0)), ending),
}
