"""Stores in dicts, with the promises of the databases and failures on request."""

import contextlib
import copy
import enum
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace

from farhand_server.errors import ConstraintBroken, OutcomeUnknown
from farhand_server.model.account import (
    Account,
    AccountKey,
    Generation,
    KeySlot,
    RegistrationToken,
)
from farhand_server.model.ask import AssetRead
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, JobId, RunbookId, WorkerId
from farhand_server.model.job import Attempt, Job, JobStatus
from farhand_server.model.runbook import Runbook, RunbookType
from farhand_server.model.worker import Group, Worker

_OVER = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.REMOVING})


class Crash(BaseException):
    """The process died here; nothing catches that."""


class Failure(enum.Enum):
    """What the next commit does instead."""

    COMMIT_FAILS = enum.auto()
    COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE = enum.auto()
    CRASH_BEFORE_COMMIT = enum.auto()
    CRASH_AFTER_COMMIT = enum.auto()


@dataclass(slots=True, kw_only=True)
class Tables:
    """Every row; the values are frozen, so a shallow copy is a snapshot."""

    accounts: dict[AccountId, Account] = field(default_factory=dict)
    jobs: dict[JobId, Job] = field(default_factory=dict)
    attempts: dict[tuple[JobId, int], Attempt] = field(default_factory=dict)
    runbooks: dict[RunbookId, Runbook] = field(default_factory=dict)
    versions: dict[tuple[RunbookId, int], str] = field(default_factory=dict)
    scripts: dict[str, bytes] = field(default_factory=dict)
    assets: dict[tuple[AccountId, AssetKind, str], Asset] = field(default_factory=dict)
    #: An ordered set.
    asset_reads: dict[AssetRead, None] = field(default_factory=dict)
    groups: dict[GroupId, Group] = field(default_factory=dict)
    workers: dict[WorkerId, Worker] = field(default_factory=dict)
    tokens: dict[str, RegistrationToken] = field(default_factory=dict)
    keys: dict[tuple[AccountId, KeySlot], AccountKey] = field(default_factory=dict)
    generation: Generation = field(default_factory=Generation)
    #: The generation for which attempt numbers were set aside, and those released by account.
    set_aside: int = 0
    released: dict[AccountId, int] = field(default_factory=dict)

    def snapshot(self) -> "Tables":
        names = self.__slots__
        return Tables(**{name: copy.copy(getattr(self, name)) for name in names})


class MemoryTx:
    """Implements Tx over one working copy of the tables."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.written = False
        #: Jobs before and after each change, in order.
        self.moves: list[tuple[Job | None, Job]] = []

    # --- jobs -------------------------------------------------------------------------------

    def job(self, job: JobId) -> Job | None:
        return self.tables.jobs.get(job)

    def add_job(self, job: Job) -> None:
        self._unique(job.id not in self.tables.jobs, "jobs.id")
        self.tables.jobs[job.id] = job
        self.moves.append((None, job))

    def swap_job(self, old: Job, new: Job) -> bool:
        self.written = True
        row = self.tables.jobs.get(old.id)
        if row is None or (row.status, row.attempt) != (old.status, old.attempt):
            return False
        self.tables.jobs[old.id] = new
        self.moves.append((row, new))
        return True

    def waiting(self, group: GroupId, types: Set[RunbookType], *, limit: int) -> list[Job]:
        found = [j for j in self._waiting() if j.group == group and j.runbook_type in types]
        return found[:limit]

    def served_by(self, worker: WorkerId) -> list[Job]:
        return [j for j in self._served() if j.worker == worker]

    def waiting_groups(self) -> list[GroupId]:
        return list(dict.fromkeys(j.group for j in self._waiting()))

    def serving_workers(self) -> list[WorkerId]:
        return list(dict.fromkeys(j.worker for j in self._served() if j.worker is not None))

    def has_jobs(self, *, runbook: str, group: GroupId | None, account: AccountId) -> bool:
        return any(
            job.account == account
            and job.status not in _OVER
            and (job.runbook == runbook or job.group == group)
            for job in self.tables.jobs.values()
        )

    def children(self, parent: JobId) -> list[Job]:
        jobs = self.tables.jobs.values()
        return [job for job in jobs if job.parent == parent and not job.status.is_final]

    def tests(self, account: AccountId, runbook: str) -> list[Job]:
        return [
            job
            for job in self.tables.jobs.values()
            if job.test
            and (job.account, job.runbook) == (account, runbook)
            and job.status is not JobStatus.REMOVING
        ]

    def removing(self) -> list[Job]:
        return [job for job in self.tables.jobs.values() if job.status is JobStatus.REMOVING]

    def delete_job(self, job: JobId) -> None:
        self.written = True
        self.tables.jobs.pop(job, None)
        for read in [read for read in self.tables.asset_reads if read.job == job]:
            del self.tables.asset_reads[read]
        for key in [key for key in self.tables.attempts if key[0] == job]:
            del self.tables.attempts[key]

    def add_attempt(self, attempt: Attempt) -> None:
        key = (attempt.job, attempt.attempt)
        self._unique(key not in self.tables.attempts, "attempts")
        self.tables.attempts[key] = attempt

    def end_attempt(self, job: JobId, attempt: int, *, ended: UnixMs, outcome: str) -> None:
        self.written = True
        known = self.tables.attempts.get((job, attempt))
        if known is not None:
            over = replace(known, ended=ended, outcome=outcome)
            self.tables.attempts[job, attempt] = over

    # --- runbooks ---------------------------------------------------------------------------

    def runbook(self, account: AccountId, name: str) -> Runbook | None:
        found = self.tables.runbooks.values()
        return next((r for r in found if (r.account, r.name) == (account, name)), None)

    def save_runbook(self, runbook: Runbook, *, script: bytes | None = None) -> Runbook:
        self.written = True
        if script is not None:
            self.tables.scripts.setdefault(runbook.draft_digest, script)
        if not runbook.id:
            known = self.runbook(runbook.account, runbook.name)
            id_ = known.id if known else RunbookId(max(self.tables.runbooks, default=0) + 1)
            runbook = replace(runbook, id=id_)
        self.tables.runbooks[runbook.id] = runbook
        if runbook.published_version:
            key = (runbook.id, runbook.published_version)
            self.tables.versions.setdefault(key, runbook.published_digest)
        return runbook

    def asset(self, account: AccountId, kind: AssetKind, name: str) -> Asset | None:
        return self.tables.assets.get((account, kind, name))

    def save_asset(self, asset: Asset) -> None:
        self.written = True
        self.tables.assets[asset.account, asset.kind, asset.name] = asset

    def delete_asset(self, asset: Asset) -> None:
        self.written = True
        self.tables.assets.pop((asset.account, asset.kind, asset.name), None)

    def note_asset_read(self, read: AssetRead) -> None:
        if not any(replace(known, at=read.at) == read for known in self.tables.asset_reads):
            self.written = True
            self.tables.asset_reads[read] = None

    def version(self, runbook: RunbookId, version: int) -> str | None:
        return self.tables.versions.get((runbook, version))

    def delete_runbook(self, runbook: RunbookId) -> None:
        self.written = True
        self.tables.runbooks.pop(runbook, None)

    def script(self, digest: str) -> bytes:
        return self.tables.scripts[digest]

    # --- groups and workers -----------------------------------------------------------------

    def group(self, account: AccountId, name: str) -> Group | None:
        found = self.tables.groups.values()
        return next((g for g in found if (g.account, g.name) == (account, name)), None)

    def add_group(self, account: AccountId, name: str, created: UnixMs) -> Group:
        self._unique(self.group(account, name) is None, "groups.name")
        id_ = GroupId(max(self.tables.groups, default=0) + 1)
        group = Group(id=id_, account=account, name=name, created=created)
        self.tables.groups[id_] = group
        return group

    def save_group(self, group: Group) -> None:
        self.written = True
        self.tables.groups[group.id] = group

    def groups_that_run_as(self, account: AccountId, credential: str) -> list[Group]:
        found = self.tables.groups.values()
        using = [g for g in found if g.account == account and g.run_as == credential]
        return sorted(using, key=lambda group: group.name)

    def delete_group(self, group: GroupId) -> None:
        self.written = True
        self.tables.groups.pop(group, None)

    def worker(self, worker: WorkerId) -> Worker | None:
        return self.tables.workers.get(worker)

    def worker_named(self, account: AccountId, name: str) -> Worker | None:
        found = self.tables.workers.values()
        return next((w for w in found if (w.account, w.name) == (account, name)), None)

    def members(self, group: GroupId) -> list[Worker]:
        found = (w for w in self.tables.workers.values() if w.group == group)
        return sorted(found, key=lambda worker: worker.name)

    def save_worker(self, worker: Worker) -> None:
        namesake = self.worker_named(worker.account, worker.name)
        self._unique(namesake is None or namesake.id == worker.id, "workers.name")
        self.tables.workers[worker.id] = worker

    def delete_worker(self, worker: WorkerId) -> None:
        self.written = True
        self.tables.workers.pop(worker, None)

    # --- secrets that let machines join -----------------------------------------------------

    def registration_token(self, token: str) -> RegistrationToken | None:
        return next((t for t in self.tables.tokens.values() if token in (t.id, t.hash)), None)

    def save_registration_token(self, token: RegistrationToken) -> None:
        self.written = True
        self.tables.tokens[token.id] = token

    def account_key(self, hash_: str) -> AccountKey | None:
        return next((k for k in self.tables.keys.values() if k.hash == hash_), None)

    def save_account_key(self, key: AccountKey) -> None:
        self.written = True
        self.tables.keys[key.account, key.slot] = key

    def account(self, account: AccountId) -> Account:
        return self.tables.accounts[account]

    def save_account(self, account: Account) -> None:
        self.written = True
        self.tables.accounts[account.id] = account

    # --- after a restore from a backup ------------------------------------------------------

    def generation(self) -> Generation:
        return self.tables.generation

    def set_aside(self, numbers: int) -> None:
        if self.tables.set_aside == self.tables.generation.number:
            return
        self.written = True
        self.tables.set_aside = self.tables.generation.number
        for job in self.tables.jobs.values():
            if job.status not in _OVER:
                known = max(job.attempt, job.reserved)
                self.tables.jobs[job.id] = replace(job, reserved=known + numbers)

    def unreported(self) -> list[Worker]:
        number = self.tables.generation.number
        found = [
            worker
            for worker in self.tables.workers.values()
            if worker.generation < number > self.tables.released.get(worker.account, 0)
        ]
        return sorted(found, key=lambda worker: worker.name)

    def release(self, account: AccountId) -> None:
        self.written = True
        self.tables.released[account] = self.tables.generation.number

    def _waiting(self) -> list[Job]:
        return [j for j in self.tables.jobs.values() if j.status is JobStatus.NEW]

    def _served(self) -> list[Job]:
        return [j for j in self.tables.jobs.values() if j.is_held]

    def _unique(self, kept: bool, what: str) -> None:
        """What a database does when a constraint is broken. Raises ConstraintBroken."""
        self.written = True
        if not kept:
            raise ConstraintBroken(f"UNIQUE constraint failed: {what}")


class MemoryStateStore:
    """Implements StateStore; `fail_next` holds what goes wrong with the next commits."""

    def __init__(self, tables: Tables | None = None) -> None:
        self.tables = tables or Tables()
        self.fail_next: deque[Failure] = deque()
        self.commits = 0
        #: Every change of a job that was committed, in order.
        self.history: list[tuple[Job | None, Job]] = []

    @contextlib.contextmanager
    def transaction(self) -> Iterator[MemoryTx]:
        tx = MemoryTx(self.tables.snapshot())
        yield tx
        if tx.written:
            self._commit(tx)

    def close(self) -> None:
        """Nothing to let go of."""

    def crash(self) -> None:
        """Only what was committed is here at any time."""

    def back_up(self) -> Tables:
        return self.tables.snapshot()

    def go_back(self, saved: Tables, now: UnixMs) -> None:
        number = saved.generation.number + 1
        self.tables = saved.snapshot()
        self.tables.generation = Generation(number=number, restored=now)

    def _commit(self, tx: MemoryTx) -> None:
        failure = self.fail_next.popleft() if self.fail_next else None
        if failure is Failure.CRASH_BEFORE_COMMIT:
            raise Crash
        if failure is Failure.COMMIT_FAILS:
            raise OutcomeUnknown("the disk is full")
        self.tables = tx.tables
        self.history += tx.moves
        self.commits += 1
        if failure is Failure.CRASH_AFTER_COMMIT:
            raise Crash
        if failure is Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE:
            raise OutcomeUnknown("the disk did not answer")
