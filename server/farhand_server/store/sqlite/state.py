"""The state: one connection, one thread, one transaction a batch."""

import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from farhand_server.model.account import Account, AccountKey, Generation, RegistrationToken
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, JobId, RunbookId, WorkerId
from farhand_server.model.job import Attempt, Job
from farhand_server.model.runbook import Runbook, RunbookType
from farhand_server.model.worker import Group, Worker
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.connection import BUSY_MS, open_state, outcome_unknown

#: Scripts kept in memory; they never change, being named by their hash.
SCRIPTS = 32
_JOB = f"SELECT {rows.JOB_COLUMNS} FROM jobs"
_ADD_JOB = (
    f"INSERT INTO jobs ({rows.JOB_COLUMNS}) VALUES "
    f"({', '.join('?' for _ in rows.JOB_COLUMNS.split(','))})"
)
#: A worker holds, or may hold, the current attempt: Job.is_held, as the index has it.
_SERVED = "(status IN (1, 2, 8, 9, 10, 11) OR (status = 7 AND may_run = 1))"


class SqliteStateStore:
    """Implements StateStore. To be made and used on one thread."""

    def __init__(self, path: Path, *, busy_ms: int = BUSY_MS) -> None:
        """Waits for locks of others at most `busy_ms`. Raises StartError."""
        self._connection = open_state(path, busy_ms=busy_ms)
        self._tx = SqliteTx(self._connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator["SqliteTx"]:
        """Commits if anything was written. Raises OutcomeUnknown when the database failed."""
        try:
            with outcome_unknown():
                yield self._tx
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()


class SqliteTx:
    """Implements Tx. The one writer needs no transaction to read; the first write begins it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._scripts: OrderedDict[str, bytes] = OrderedDict()

    def _one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def _all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def _write(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        return self._connection.execute(sql, values)

    def _upsert(self, table: str, key: str, values: dict[str, Any]) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        changes = ", ".join(f"{name} = :{name}" for name in values)
        self._write(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) "
            f"ON CONFLICT ({key}) DO UPDATE SET {changes}",
            values,
        )

    # --- jobs -------------------------------------------------------------------------------

    def job(self, job: JobId) -> Job | None:
        row = self._one(f"{_JOB} WHERE id = ?", job)
        return rows.job(row) if row else None

    def add_job(self, job: Job) -> None:
        self._write(_ADD_JOB, rows.job_values(job))

    def swap_job(self, old: Job, new: Job) -> bool:
        changed = self._write(
            "UPDATE jobs SET status = ?, details = ?, attempt = ?, worker = ?, worker_name = ?, "
            "started = ?, ended = ?, exit_code = ?, exit_signal = ?, exit_reason = ?, "
            "exit_stopped = ?, output_bytes = ?, suspension = ?, counted = ?, may_run = ?, "
            "away_ms = ?, stop_grace_ms = ?, ground = ? "
            "WHERE id = ? AND status = ? AND attempt = ?",
            (
                new.status.value,
                new.details,
                new.attempt,
                new.worker,
                new.worker_name,
                new.started,
                new.ended,
                *rows.end_values(new.end),
                new.output_bytes,
                rows.suspension_value(new),
                new.counted,
                new.may_run,
                new.away_ms,
                new.stop_grace_ms,
                rows.ground_text(new.ground),
                old.id,
                old.status.value,
                old.attempt,
            ),
        )
        return changed.rowcount == 1

    def waiting(self, group: GroupId, types: Set[RunbookType], *, limit: int) -> list[Job]:
        found = self._all(
            f"{_JOB} WHERE group_id = ? AND status = 0 AND runbook_type IN (?, ?, ?) "
            "ORDER BY key LIMIT ?",
            group,
            *(type_.value if type_ in types else None for type_ in RunbookType),
            limit,
        )
        return [rows.job(row) for row in found]

    def served_by(self, worker: WorkerId) -> list[Job]:
        found = self._all(f"{_JOB} WHERE worker = ? AND {_SERVED} ORDER BY key", worker)
        return [rows.job(row) for row in found]

    def waiting_groups(self) -> list[GroupId]:
        found = self._all("SELECT DISTINCT group_id FROM jobs WHERE status = 0")
        return [row["group_id"] for row in found]

    def serving_workers(self) -> list[WorkerId]:
        found = self._all(f"SELECT DISTINCT worker FROM jobs WHERE {_SERVED}")
        return [row["worker"] for row in found]

    def has_jobs(self, *, runbook: str, group: GroupId | None, account: AccountId) -> bool:
        row = self._one(
            f"SELECT 1 FROM jobs WHERE account = ? AND {rows.OPEN} "
            "AND (runbook = ? OR group_id = ?) LIMIT 1",
            account,
            runbook,
            group,
        )
        return row is not None

    def add_attempt(self, attempt: Attempt) -> None:
        self._write(
            "INSERT INTO attempts (job, attempt, worker, worker_name, granted, ended, outcome) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                attempt.job,
                attempt.attempt,
                attempt.worker,
                attempt.worker_name,
                attempt.granted,
                attempt.ended,
                attempt.outcome,
            ),
        )

    def end_attempt(self, job: JobId, attempt: int, *, ended: UnixMs, outcome: str) -> None:
        self._write(
            "UPDATE attempts SET ended = ?, outcome = ? WHERE job = ? AND attempt = ?",
            (ended, outcome, job, attempt),
        )

    # --- runbooks ---------------------------------------------------------------------------

    def runbook(self, account: AccountId, name: str) -> Runbook | None:
        row = self._one("SELECT * FROM runbooks WHERE account = ? AND name = ?", account, name)
        return rows.runbook(row) if row else None

    def save_runbook(self, runbook: Runbook, *, script: bytes | None = None) -> Runbook:
        if script is not None:
            self._write(
                "INSERT INTO scripts (digest, content) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (runbook.draft_digest, script),
            )
        values = {
            "id": runbook.id or None,
            "account": runbook.account,
            "name": runbook.name,
            "type": runbook.type.value,
            "description": runbook.description,
            "draft_digest": runbook.draft_digest,
            "published_digest": runbook.published_digest,
            "published_version": runbook.published_version,
            "delivery": runbook.delivery.value if runbook.delivery else "",
            "lost_after": runbook.lost_after,
            "timeout": runbook.timeout,
            "created": runbook.created,
            "modified": runbook.modified,
        }
        if not runbook.id:
            values.pop("id")
        self._upsert("runbooks", "account, name", values)
        saved = self.runbook(runbook.account, runbook.name)
        assert saved is not None
        if saved.published_version:
            self._write(
                "INSERT INTO runbook_versions (runbook, version, digest, published) "
                "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (saved.id, saved.published_version, saved.published_digest, saved.modified),
            )
        return saved

    def delete_runbook(self, runbook: RunbookId) -> None:
        self._write("DELETE FROM runbooks WHERE id = ?", (runbook,))

    def script(self, digest: str) -> bytes:
        known = self._scripts.get(digest)
        if known is None:
            row = self._one("SELECT content FROM scripts WHERE digest = ?", digest)
            assert row is not None, "a runbook's script is never deleted"
            known = self._scripts[digest] = bytes(row["content"])
            if len(self._scripts) > SCRIPTS:
                self._scripts.popitem(last=False)
        return known

    # --- groups and workers -----------------------------------------------------------------

    def group(self, account: AccountId, name: str) -> Group | None:
        row = self._one("SELECT * FROM groups WHERE account = ? AND name = ?", account, name)
        return rows.group(row) if row else None

    def add_group(self, account: AccountId, name: str, created: UnixMs) -> Group:
        self._write(
            "INSERT INTO groups (account, name, created) VALUES (?, ?, ?)",
            (account, name, created),
        )
        group = self.group(account, name)
        assert group is not None
        return group

    def delete_group(self, group: GroupId) -> None:
        self._write("DELETE FROM groups WHERE id = ?", (group,))

    def worker(self, worker: WorkerId) -> Worker | None:
        row = self._one(f"{rows.WORKER_SELECT} WHERE workers.id = ?", worker)
        return rows.worker(row) if row else None

    def worker_named(self, account: AccountId, name: str) -> Worker | None:
        row = self._one(
            f"{rows.WORKER_SELECT} WHERE workers.account = ? AND workers.name = ?", account, name
        )
        return rows.worker(row) if row else None

    def members(self, group: GroupId) -> list[Worker]:
        found = self._all(
            f"{rows.WORKER_SELECT} WHERE workers.group_id = ? ORDER BY workers.name", group
        )
        return [rows.worker(row) for row in found]

    def save_worker(self, worker: Worker) -> None:
        self._upsert("workers", "id", rows.worker_values(worker))

    def delete_worker(self, worker: WorkerId) -> None:
        self._write("DELETE FROM workers WHERE id = ?", (worker,))

    # --- secrets that let machines join -----------------------------------------------------

    def registration_token(self, token: str) -> RegistrationToken | None:
        row = self._one("SELECT * FROM registration_tokens WHERE hash = ? OR id = ?", token, token)
        return rows.registration_token(row) if row else None

    def save_registration_token(self, token: RegistrationToken) -> None:
        self._upsert("registration_tokens", "id", rows.registration_token_values(token))

    def account_key(self, hash_: str) -> AccountKey | None:
        row = self._one("SELECT * FROM account_keys WHERE hash = ?", hash_)
        return rows.account_key(row) if row else None

    def save_account_key(self, key: AccountKey) -> None:
        self._upsert(
            "account_keys",
            "account, slot",
            {
                "account": key.account,
                "slot": key.slot.value,
                "hash": key.hash,
                "sealed": key.sealed,
            },
        )

    def account(self, account: AccountId) -> Account:
        row = self._one("SELECT * FROM accounts WHERE id = ?", account)
        assert row is not None, "everything belongs to an account, and accounts stay"
        return rows.account(row)

    def save_account(self, account: Account) -> None:
        self._write(
            "UPDATE accounts SET delivery = ? WHERE id = ?", (account.delivery.value, account.id)
        )

    # --- after a restore from a backup ------------------------------------------------------

    def generation(self) -> Generation:
        row = self._one("SELECT generation, restored FROM deployments")
        if row is None:
            return Generation()
        return Generation(number=row["generation"], restored=row["restored"])

    def set_aside(self, numbers: int) -> None:
        if self._one("SELECT 1 FROM deployments WHERE set_aside < generation") is None:
            return
        self._write(
            "UPDATE jobs SET reserved = ? + CASE WHEN attempt > reserved THEN attempt "
            f"ELSE reserved END WHERE {rows.OPEN}",
            (numbers,),
        )
        self._write("UPDATE deployments SET set_aside = generation")

    def unreported(self) -> list[Worker]:
        found = self._all(
            f"{rows.WORKER_SELECT} JOIN accounts ON accounts.id = workers.account "
            "JOIN deployments ON deployments.generation > workers.generation "
            "AND deployments.generation > accounts.released ORDER BY workers.name"
        )
        return [rows.worker(row) for row in found]

    def release(self, account: AccountId) -> None:
        self._write(
            "UPDATE accounts SET released = (SELECT generation FROM deployments) WHERE id = ?",
            (account,),
        )
