"""A runbook: a script with a draft and published versions."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, RunbookId
from farhand_wire import limits


class RunbookType(enum.Enum):
    """Languages; the value is the word that people type."""

    BASH = "bash"
    PYTHON = "python"
    POWERSHELL = "powershell"


class Delivery(enum.Enum):
    """What happens to a job whose attempt may have run and will not report. One that provably never
    ran always goes to another member."""

    #: It is never started again by itself: a script that must not run twice does not.
    AT_MOST_ONCE = "at-most-once"
    #: It is started again, up to ATTEMPTS_MOST times in all, as Azure does it.
    AT_LEAST_ONCE = "at-least-once"

    @property
    def lost_after(self) -> int:
        """Patience with a job that is Disconnected, in seconds, unless its runbook has its own."""
        once = self is Delivery.AT_MOST_ONCE
        return int(limits.LOST_AFTER_ONCE_SECONDS if once else limits.LOST_AFTER_SECONDS)


class RunbookState(enum.Enum):
    """How draft and published copy stand to each other."""

    NEW = "new"
    PUBLISHED = "published"
    EDIT = "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A runbook without its script; scripts are kept by digest (SHA-256, hexadecimal)."""

    id: RunbookId
    account: AccountId
    name: str
    type: RunbookType
    description: str = ""
    draft_digest: str
    #: Empty before the first publish.
    published_digest: str = ""
    #: Counts publishes.
    published_version: int = 0
    #: When that was, and by whom.
    published: UnixMs | None = None
    published_by: str = ""
    #: Words to sort by.
    tags: Mapping[str, str] = field(default_factory=dict)
    #: None: as the account says.
    delivery: Delivery | None = None
    #: Seconds; 0: the delivery's own.
    lost_after: int = 0
    #: Seconds after which a job of it is ended; 0: never.
    timeout: int = 0
    #: Its jobs show these streams to whoever names none.
    log_verbose: bool = False
    log_progress: bool = False
    #: What its jobs may use, as "variable/NAME" or "variable/*", and so on for credential,
    #: certificate, connection, runbook (as a child); None: as the account says.
    grants: tuple[str, ...] | None = None
    created: UnixMs
    modified: UnixMs

    @property
    def state(self) -> RunbookState:
        if not self.published_version:
            return RunbookState.NEW
        same = self.draft_digest == self.published_digest
        return RunbookState.PUBLISHED if same else RunbookState.EDIT

    def script(self, *, draft: bool) -> tuple[int, str]:
        """Version and digest of what a job runs; a draft is no version yet, which is 0."""
        return (0, self.draft_digest) if draft else (self.published_version, self.published_digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookVersion:
    """A script that was published."""

    version: int
    digest: str
    #: Bytes of the script.
    size: int
    published: UnixMs
    #: Empty where nobody had asked yet.
    published_by: str
