"""What the engine and the edges ask of the database. Stores implement it; nobody imports them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from farhand_server.core.ports import Tx
from farhand_server.model.account import Account, AccountKey, Principal, RegistrationToken
from farhand_server.model.ask import AssetRead
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, JobId, WorkerId
from farhand_server.model.job import Attempt, Job, JobStatus
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.model.runbook import Runbook, RunbookVersion
from farhand_server.model.worker import Group, Worker


class StateStore(Protocol):
    """The state, written by one thread."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """Commits at the end, durably; without writes it costs nothing. Raises OutcomeUnknown when
        the commit failed or may have; any other exception rolls back."""
        ...

    def close(self) -> None: ...


class OutputStore(Protocol):
    """The bytes of jobs, written by one thread. A failure (OutcomeUnknown) undoes whatever was not
    committed."""

    def extent(self, spool: SpoolId) -> Extent:
        """How much of it is here; never calls durable what is not."""
        ...

    def chunk(self, spool: SpoolId, offset: int) -> Chunk | None:
        """The chunk that holds this byte, committed or not."""
        ...

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        """Adds chunks; `extent` is the spool's after them. What that leaves out, of these or of
        those before, is not kept. Not committed yet."""
        ...

    def remove(self, job: JobId, most: int) -> bool:
        """Takes at most so many chunks of a job away, at last its spools. Whether nothing is left,
        which survives a loss of power. Raises OutcomeUnknown."""
        ...

    def commit(self) -> None:
        """What was appended survives a crash of the process. Raises OutcomeUnknown."""
        ...

    def sync(self) -> None:
        """What was committed survives a loss of power. Raises OutcomeUnknown."""
        ...

    def close(self) -> None: ...


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """Some rows, and where the next page starts (empty on the last)."""

    rows: Sequence[Row]
    next: str = ""


class Queries(Protocol):
    """Reads for the edges, from any thread: they see what is committed. Each blocks briefly."""

    def principal(self, token_hash: str) -> Principal | None: ...
    def account(self, account: AccountId) -> Account: ...
    def account_keys(self, account: AccountId) -> Sequence[AccountKey]: ...
    def deployment_id(self) -> str: ...
    def worker_key(self, worker: WorkerId) -> bytes | None:
        """The public key to prove; None: unknown or deleted."""
        ...

    def job(self, account: AccountId, prefix: str) -> Sequence[Job]:
        """Up to two jobs whose id begins so; none that is being removed."""
        ...

    def attempts(self, job: JobId) -> Sequence[Attempt]:
        """In order."""
        ...

    def asset_reads(self, job: JobId) -> Sequence[AssetRead]:
        """In the order in which they were read first."""
        ...

    def jobs(
        self,
        account: AccountId,
        *,
        statuses: Sequence[JobStatus],
        runbook: str,
        group: str,
        parent: str,
        size: int,
        after: str,
    ) -> Page[Job]:
        """Newest first, without test runs."""
        ...

    def runbook(self, account: AccountId, name: str) -> Runbook | None: ...
    def runbooks(self, account: AccountId, *, size: int, after: str) -> Page[Runbook]: ...
    def versions(self, runbook: Runbook, *, size: int, after: str) -> Page[RunbookVersion]:
        """Newest first."""
        ...

    def version(self, runbook: Runbook, version: int) -> str:
        """The digest of the script that was published as this version, "" if none was."""
        ...

    def script(self, digest: str) -> bytes: ...
    def asset(self, account: AccountId, kind: AssetKind, name: str) -> Asset | None: ...
    def assets(
        self, account: AccountId, kind: AssetKind, *, size: int, after: str
    ) -> Page[Asset]: ...
    def group(self, account: AccountId, name: str) -> Group | None: ...
    def groups(self, account: AccountId, *, size: int, after: str) -> Page[Group]: ...
    def waiting_count(self, group: Group) -> int: ...
    def worker(self, account: AccountId, name: str) -> Worker | None: ...
    def workers(self, account: AccountId, *, group: str, size: int, after: str) -> Page[Worker]: ...
    def unreported(self, account: AccountId) -> Sequence[str]:
        """Names of workers that have not reported since the last restore."""
        ...

    def registration_tokens(
        self, account: AccountId, *, size: int, after: str
    ) -> Page[RegistrationToken]: ...
    def extent(self, spool: SpoolId) -> Extent: ...
    def chunks(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk]:
        """Stored chunks from the one that holds `offset`, or the first one behind it, about `most`
        bytes of them. Where one does not begin at the end of the one before, something is gone."""
        ...

    def tail(self, spool: SpoolId, lines: int) -> int:
        """An entry's offset from which the last `lines` lines can be read (maybe a few more)."""
        ...

    def numbered(self, spool: SpoolId, sequence: int) -> int | None:
        """The offset of the chunk that holds the record with this number, the last one if it is not
        stored yet; None if nobody counted."""
        ...


class Clock(Protocol):
    """Time as a parameter."""

    def monotonic(self) -> float: ...
    def unix_ms(self) -> UnixMs: ...
