"""Every exception that the server raises.

FarhandError
├── Refusal                      a caller asked for something that may not be; nothing changed
│   ├── ProtocolViolation        a frame that the session's state does not allow: the stream ends
│   └── …                        one class a reason: the catalogue of what people read
├── IllegalTransition            a rule tried a way that the table of states does not have: a bug
├── OutcomeUnknown               a commit failed, or may have: everything volatile is forgotten
│   ├── ConstraintBroken         a rule wrote what the database forbids: a bug
│   └── StoreDamaged             … and will fail again: the file is not what was written
└── StartError                   the server, or a command for it, cannot do its work

A refusal says what (`message`), why and what to do next; command, API and portal show the same
words. Ids go into fields, not into sentences, where a program might want them.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class FarhandError(Exception):
    """Root of the tree."""


class Kind(enum.Enum):
    """What sort of refusal; the edge maps each to one gRPC status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    EXISTS = "exists"
    STATE = "state"
    LIMIT = "limit"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One bad field of a request."""

    field: str
    problem: str


class Refusal(FarhandError):
    """A caller asked for something that may not be. Nothing has changed."""

    kind = Kind.INVALID

    def __init__(
        self,
        message: str,
        *,
        why: str = "",
        do: str = "",
        violations: Sequence[Violation] = (),
        **fields: str,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.do = do
        self.violations = tuple(violations)
        self.fields = fields

    @property
    def reason(self) -> str:
        """For programs: INVALID_REQUEST, RUNBOOK_NOT_FOUND, …"""
        name = type(self).__name__
        return "".join("_" + c if c.isupper() and i else c for i, c in enumerate(name)).upper()


class InvalidRequest(Refusal):
    """Bad fields; all of them at once."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        first = violations[0]
        message = (
            f"{first.field} {first.problem}"
            if len(violations) == 1
            else f"{len(violations)} fields were refused; nothing was done"
        )
        super().__init__(message, violations=violations, do="correct the request and send it again")


class Unauthenticated(Refusal):
    kind = Kind.UNAUTHENTICATED


class ProofRefused(Refusal):
    kind = Kind.UNAUTHENTICATED


class WorkerUnknown(Refusal):
    kind = Kind.UNAUTHENTICATED


class TokenRefused(Refusal):
    """A registration token or account key that does not let this machine join."""

    kind = Kind.FORBIDDEN


class SessionConflict(Refusal):
    """Two agents with one identity."""

    kind = Kind.STATE


class WorkerRefused(Refusal):
    """A worker whose events made rules fail."""

    kind = Kind.STATE


class IdentityDisputed(Refusal):
    """Several machines use one worker's identity; an operator has to name one of them."""

    kind = Kind.STATE


class PartyNotFound(Refusal):
    """None of the machines that use a worker's identity is called so, or several are."""

    kind = Kind.NOT_FOUND


class RunbookNotFound(Refusal):
    kind = Kind.NOT_FOUND


class GroupNotFound(Refusal):
    kind = Kind.NOT_FOUND


class JobNotFound(Refusal):
    kind = Kind.NOT_FOUND


class WorkerNotFound(Refusal):
    kind = Kind.NOT_FOUND


class RegistrationTokenNotFound(Refusal):
    kind = Kind.NOT_FOUND


class RunbookExists(Refusal):
    kind = Kind.EXISTS


class AssetNotFound(Refusal):
    kind = Kind.NOT_FOUND


class AssetExists(Refusal):
    kind = Kind.EXISTS


class AssetNotGranted(Refusal):
    """To the runbook whose job asks for it."""

    kind = Kind.FORBIDDEN


class AssetUnreadable(Refusal):
    """What is sealed of it does not open."""

    kind = Kind.STATE


class TooManyChildren(Refusal):
    """Of one job, or too far below the first one."""

    kind = Kind.LIMIT


class GroupExists(Refusal):
    kind = Kind.EXISTS


class WorkerExists(Refusal):
    kind = Kind.EXISTS


class JobExists(Refusal):
    """The id of the request names a job that was started with something else."""

    kind = Kind.EXISTS


class RunbookNotPublished(Refusal):
    kind = Kind.STATE


class RunbookTypeFixed(Refusal):
    """What was published once keeps its type: its versions have none of their own."""

    kind = Kind.STATE


class DraftChanged(Refusal):
    """Somebody else replaced the draft meanwhile."""

    kind = Kind.STATE


class RunbookVersionNotFound(Refusal):
    kind = Kind.NOT_FOUND


class InUse(Refusal):
    """Something that still has jobs or members cannot be deleted."""

    kind = Kind.STATE


class JobNotStoppable(Refusal):
    kind = Kind.STATE


class JobNotSuspendable(Refusal):
    kind = Kind.STATE


class JobNotResumable(Refusal):
    kind = Kind.STATE


class TooManyStreams(Refusal):
    kind = Kind.LIMIT


class TooManyRefusals(Refusal):
    """Machines at one address were refused so often that they have to wait."""

    kind = Kind.LIMIT


class ShuttingDown(Refusal):
    kind = Kind.UNAVAILABLE


class StoreUnreadable(Refusal):
    """The database does not give what it should hold; others may be served nevertheless."""

    kind = Kind.UNAVAILABLE


class ReadsNothing(Refusal):
    """A worker took nothing of what it was told for too long."""

    kind = Kind.UNAVAILABLE


class ProtocolViolation(Refusal):
    """A frame that this session may not send now. The message names the frame and the rule."""

    kind = Kind.STATE


class IllegalTransition(FarhandError):
    """A rule tried a way that the table of states does not have."""

    def __init__(self, *, job: str, old: str, new: str) -> None:
        super().__init__(f"job {job}: {old} cannot become {new}")


class OutcomeUnknown(FarhandError):
    """A commit failed, or its outcome is not known."""


class ConstraintBroken(OutcomeUnknown):
    """A rule wrote what a constraint of the database forbids: a bug."""


class StoreDamaged(OutcomeUnknown):
    """The database is not what was written; trying again does not help."""


class StartError(FarhandError):
    """A command of the server cannot do its work: what, why, and what to do."""

    def __init__(self, what: str, *, why: str = "", do: str = "") -> None:
        super().__init__("; ".join(part for part in (what, why, do) if part))
        self.what = what
        self.why = why
        self.do = do
