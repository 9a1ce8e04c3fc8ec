"""An asset: what a runbook fetches by name while it runs."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId
from farhand_server.model.parameter import Json


class AssetKind(enum.Enum):
    """The value is the word that people type."""

    VARIABLE = "variable"
    CREDENTIAL = "credential"
    CERTIFICATE = "certificate"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """Of one kind, by name; what is secret of it is sealed."""

    account: AccountId
    kind: AssetKind
    name: str
    description: str = ""
    #: Of a variable: fixed when it was made.
    encrypted: bool = False
    #: What everybody may read of it.
    values: Mapping[str, Json] = field(default_factory=dict)
    #: The rest, as a JSON object; None: there is none.
    sealed: bytes | None = field(default=None, repr=False)
    #: Names of what is sealed.
    secrets: tuple[str, ...] = ()
    #: Counts changes: which one a job has read.
    version: int = 1
    created: UnixMs
    modified: UnixMs

    @property
    def place(self) -> str:
        """Where its box opens."""
        return f"asset {self.account} {self.kind.value} {self.name}"
