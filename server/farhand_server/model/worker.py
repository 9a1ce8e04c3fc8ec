"""Groups and workers: who could serve a job."""

import enum
from dataclasses import dataclass

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, WorkerId
from farhand_server.model.runbook import RunbookType

#: The group of the control plane's own worker: of jobs that name no group.
CLOUD = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A hybrid worker group: the address of jobs."""

    id: GroupId
    account: AccountId
    name: str
    #: The credential as whose user its jobs run; empty: as the user of the agent.
    run_as: str = ""
    created: UnixMs

    @property
    def is_cloud(self) -> bool:
        """Whether it is that of the control plane's own worker."""
        return self.name == CLOUD


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What runs runbooks of a type on a worker."""

    type: RunbookType
    path: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a worker says of its machine; shown, never trusted for a decision on rights."""

    host_name: str = ""
    machine_id: str = ""
    os: str = ""
    architecture: str = ""
    agent_version: str = ""
    runbook_types: tuple[RunbookType, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()


class Standing(enum.Enum):
    """What became of a party that was not expected."""

    #: Refused; nobody has decided yet.
    OPEN = "open"
    #: An operator chose it: its next Hello is accepted, whatever number it shows.
    KEPT = "kept"
    #: An operator chose another one.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One start of one agent on one machine, that shows a worker's identity."""

    machine_id: str
    boot_id: str
    instance: str
    address: str
    host_name: str
    first_seen: UnixMs
    last_seen: UnixMs
    #: None: its number is the current one.
    standing: Standing | None = None

    @property
    def traits(self) -> tuple[str, str, str, str]:
        """What tells it from others, the lasting first."""
        return (self.machine_id, self.boot_id, self.instance, self.address)


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
    #: The two slots of the session number: the lowest that its agent may still hold, and the last
    #: that was issued.
    confirmed_number: int = 0
    issued_number: int = 0
    #: The generation of the deployment in which it reported last.
    generation: int = 0
    #: Which start of its agent said Hello last, and when that one was first seen.
    instance: str = ""
    instance_since: UnixMs | None = None
    #: Other machines that showed its identity.
    parties: tuple[Party, ...] = ()
    journal_id: str = ""
    boot_id: str = ""
    slots: int = 0
    address: str = ""
    last_seen: UnixMs | None = None

    @property
    def holder(self) -> Party:
        """Whose number is the current one."""
        return Party(
            machine_id=self.facts.machine_id,
            boot_id=self.boot_id,
            instance=self.instance,
            address=self.address,
            host_name=self.facts.host_name,
            first_seen=self.registered if self.instance_since is None else self.instance_since,
            last_seen=self.registered if self.last_seen is None else self.last_seen,
        )

    @property
    def has_said_hello(self) -> bool:
        """Whether it was ever more than registered."""
        return self.instance_since is not None

    @property
    def chosen(self) -> Party | None:
        """The party that an operator chose and that has not come back yet. Until then the holder
        is one of the others."""
        return next((p for p in self.parties if p.standing is Standing.KEPT), None)

    @property
    def everyone(self) -> list[Party]:
        """All who use its identity; first the one that is accepted."""
        first = self.chosen or self.holder
        return [first, *(party for party in self.parties if party.traits != first.traits)]

    @property
    def is_disputed(self) -> bool:
        """Whether somebody else showed its identity, and an operator has to decide."""
        return any(party.standing is Standing.OPEN for party in self.parties)
