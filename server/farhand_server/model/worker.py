"""Groups and workers: who could serve a job."""

from dataclasses import dataclass

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, WorkerId
from farhand_server.model.runbook import RunbookType


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A hybrid worker group: the address of jobs."""

    id: GroupId
    account: AccountId
    name: str
    created: UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a worker says of its machine; shown, never trusted for a decision on rights."""

    host_name: str = ""
    machine_id: str = ""
    os: str = ""
    architecture: str = ""
    agent_version: str = ""
    runbook_types: tuple[RunbookType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a worker's word of an attempt rests on: one journal on one boot of one machine. What a
    copy of the worker says elsewhere, or it itself after a restart, proves nothing about it."""

    journal_id: str = ""
    boot_id: str = ""
    machine_id: str = ""

    def proves_absence(self, later: "Ground") -> bool:
        """Whether what is missing there never ran. A journal on a disk may survive a loss of power
        that an attempt's folder did not; one without an id may lack what a silent runner has."""
        return bool(self.journal_id) and self == later

    def is_gone(self, later: "Ground") -> bool:
        """Whether nothing runs any more of what ran here: the machine was started again."""
        same = bool(self.machine_id) and self.machine_id == later.machine_id
        return same and bool(self.boot_id) and self.boot_id != later.boot_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A registered machine, as its row holds it."""

    id: WorkerId
    account: AccountId
    group: GroupId
    group_name: str
    name: str
    #: DER SubjectPublicKeyInfo of its ECDSA P-256 key.
    public_key: bytes
    #: SHA-256 of the registration token or key it joined with: makes Register idempotent.
    joined_with: str
    facts: Facts
    registered: UnixMs
    #: The two slots of the session number: last confirmed by a Heartbeat, last issued.
    confirmed_number: int = 0
    issued_number: int = 0
    journal_id: str = ""
    boot_id: str = ""
    slots: int = 0
    address: str = ""
    last_seen: UnixMs | None = None
