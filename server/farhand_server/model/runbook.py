"""A runbook: a script with a draft and published versions."""

import enum
from dataclasses import dataclass

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, RunbookId


class RunbookType(enum.Enum):
    """Languages; the value is the word that people type."""

    BASH = "bash"
    PYTHON = "python"
    POWERSHELL = "powershell"

    @property
    def is_supported(self) -> bool:
        """Whether runbooks of this type can be imported."""
        return self in (RunbookType.BASH, RunbookType.PYTHON)


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
    created: UnixMs
    modified: UnixMs

    @property
    def state(self) -> RunbookState:
        if not self.published_version:
            return RunbookState.NEW
        same = self.draft_digest == self.published_digest
        return RunbookState.PUBLISHED if same else RunbookState.EDIT
