"""Reads for the edges, from any thread: each thread has connections of its own."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from farhand_server.engine.ports import Page
from farhand_server.errors import StoreUnreadable
from farhand_server.model.account import Account, AccountKey, Principal, RegistrationToken
from farhand_server.model.ask import AssetRead
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.identifiers import AccountId, JobId, WorkerId
from farhand_server.model.job import Attempt, Job, JobStatus
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.model.runbook import Runbook, RunbookVersion
from farhand_server.model.worker import Group, Worker
from farhand_server.store.sqlite import job_rows, rows
from farhand_server.store.sqlite.connection import open_reader

log = structlog.get_logger("farhand.store")

#: From the chunk that holds the offset, or the first one behind it, in one snapshot.
_CHUNKS = f"""
WITH start (at) AS (SELECT COALESCE(
    (SELECT CASE WHEN offset + length(data) > ?2 THEN offset END FROM chunks
     WHERE spool = ?1 AND offset <= ?2 ORDER BY offset DESC LIMIT 1),
    (SELECT offset FROM chunks WHERE spool = ?1 AND offset > ?2 ORDER BY offset LIMIT 1)))
SELECT {rows.CHUNK_COLUMNS} FROM chunks
WHERE spool = ?1 AND offset >= (SELECT at FROM start)
AND offset < max(?2, (SELECT at FROM start)) + ?3 ORDER BY offset
"""


class SqliteQueries:
    """Implements Queries. Every method raises StoreUnreadable."""

    def __init__(self, state: Path, output: Path) -> None:
        self._paths = {"state": state, "output": output}
        self._local = threading.local()

    def _all(self, sql: str, *values: Any, of: str = "state") -> list[sqlite3.Row]:
        connection = getattr(self._local, of, None)
        try:
            if connection is None:
                connection = open_reader(self._paths[of])
                setattr(self._local, of, connection)
            found: list[sqlite3.Row] = connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            log.error("cannot be read", file=str(self._paths[of]), error=str(error))
            raise StoreUnreadable(
                f"the control plane cannot read its {of}",
                why=str(error),
                do="on its machine: farhand-server check",
            ) from error
        return found

    def _one(self, sql: str, *values: Any, of: str = "state") -> sqlite3.Row | None:
        found = self._all(sql, *values, of=of)
        return found[0] if found else None

    # --- who --------------------------------------------------------------------------------

    def principal(self, token_hash: str) -> Principal | None:
        row = self._one(
            "SELECT api_tokens.*, accounts.name AS account_name FROM api_tokens "
            "JOIN accounts ON accounts.id = api_tokens.account WHERE hash = ?",
            token_hash,
        )
        if row is None:
            return None
        return Principal(
            account=row["account"],
            account_name=row["account_name"],
            name=row["name"],
            expires=row["expires"],
        )

    def account(self, account: AccountId) -> Account:
        row = self._one("SELECT * FROM accounts WHERE id = ?", account)
        assert row is not None, "a caller's token names an account, and accounts stay"
        return rows.account(row)

    def account_keys(self, account: AccountId) -> Sequence[AccountKey]:
        found = self._all("SELECT * FROM account_keys WHERE account = ? ORDER BY slot", account)
        return [rows.account_key(row) for row in found]

    def deployment_id(self) -> str:
        row = self._one("SELECT id FROM deployments")
        return str(row["id"]) if row else ""

    def worker_key(self, worker: WorkerId) -> bytes | None:
        row = self._one("SELECT public_key FROM workers WHERE id = ?", worker)
        return bytes(row["public_key"]) if row else None

    # --- what -------------------------------------------------------------------------------

    def job(self, account: AccountId, prefix: str) -> Sequence[Job]:
        found = self._all(
            f"SELECT {job_rows.JOB_COLUMNS} FROM jobs WHERE id >= ? AND id < ? AND account = ? "
            "AND status <> 12 ORDER BY id LIMIT 2",
            prefix,
            prefix + "~",
            account,
        )
        return [job_rows.job(row) for row in found]

    def attempts(self, job: JobId) -> Sequence[Attempt]:
        found = self._all("SELECT * FROM attempts WHERE job = ? ORDER BY attempt", job)
        return [job_rows.attempt(row) for row in found]

    def asset_reads(self, job: JobId) -> Sequence[AssetRead]:
        found = self._all("SELECT * FROM asset_reads WHERE job = ? ORDER BY at, rowid", job)
        return [rows.asset_read(row) for row in found]

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
        wanted = ["account = ?", "test = 0"]
        values: list[Any] = [account]
        if statuses:
            wanted.append(f"status IN ({', '.join('?' for _ in statuses)})")
            values += [status.value for status in statuses]
        if runbook:
            wanted.append("runbook = ?")
            values.append(runbook)
        if group:
            wanted.append("group_name = ?")
            values.append(group)
        if parent:
            wanted.append("parent = ?")
            values.append(parent)
        if after:
            wanted.append("key < ?")
            values.append(int(after))
        found = self._all(
            f"SELECT key, {job_rows.JOB_COLUMNS} FROM jobs WHERE {' AND '.join(wanted)} "
            "ORDER BY key DESC LIMIT ?",
            *values,
            size + 1,
        )
        following = str(found[size - 1]["key"]) if len(found) > size else ""
        return Page(rows=[job_rows.job(row) for row in found[:size]], next=following)

    def runbook(self, account: AccountId, name: str) -> Runbook | None:
        row = self._one("SELECT * FROM runbooks WHERE account = ? AND name = ?", account, name)
        return rows.runbook(row) if row else None

    def runbooks(self, account: AccountId, *, size: int, after: str) -> Page[Runbook]:
        found = self._all(
            "SELECT * FROM runbooks WHERE account = ? AND name > ? ORDER BY name LIMIT ?",
            account,
            after,
            size + 1,
        )
        page = [rows.runbook(row) for row in found[:size]]
        return Page(rows=page, next=page[-1].name if len(found) > size else "")

    def versions(self, runbook: Runbook, *, size: int, after: str) -> Page[RunbookVersion]:
        found = self._all(
            "SELECT version, runbook_versions.digest, length(content) AS size, published, "
            "published_by FROM runbook_versions JOIN scripts USING (digest) "
            "WHERE runbook = ? AND (? = '' OR version < CAST(? AS INTEGER)) "
            "ORDER BY version DESC LIMIT ?",
            runbook.id,
            after,
            after,
            size + 1,
        )
        page = [rows.version(row) for row in found[:size]]
        return Page(rows=page, next=str(page[-1].version) if len(found) > size else "")

    def version(self, runbook: Runbook, version: int) -> str:
        row = self._one(
            "SELECT digest FROM runbook_versions WHERE runbook = ? AND version = ?",
            runbook.id,
            version,
        )
        return str(row["digest"]) if row else ""

    def script(self, digest: str) -> bytes:
        row = self._one("SELECT content FROM scripts WHERE digest = ?", digest)
        return bytes(row["content"]) if row else b""

    def asset(self, account: AccountId, kind: AssetKind, name: str) -> Asset | None:
        row = self._one(
            "SELECT * FROM assets WHERE account = ? AND kind = ? AND name = ?",
            account,
            kind.value,
            name,
        )
        return rows.asset(row) if row else None

    def assets(self, account: AccountId, kind: AssetKind, *, size: int, after: str) -> Page[Asset]:
        found = self._all(
            "SELECT * FROM assets WHERE account = ? AND kind = ? AND name > ? "
            "ORDER BY name LIMIT ?",
            account,
            kind.value,
            after,
            size + 1,
        )
        page = [rows.asset(row) for row in found[:size]]
        return Page(rows=page, next=page[-1].name if len(found) > size else "")

    def group(self, account: AccountId, name: str) -> Group | None:
        row = self._one("SELECT * FROM groups WHERE account = ? AND name = ?", account, name)
        return rows.group(row) if row else None

    def groups(self, account: AccountId, *, size: int, after: str) -> Page[Group]:
        found = self._all(
            "SELECT * FROM groups WHERE account = ? AND name > ? ORDER BY name LIMIT ?",
            account,
            after,
            size + 1,
        )
        page = [rows.group(row) for row in found[:size]]
        return Page(rows=page, next=page[-1].name if len(found) > size else "")

    def waiting_count(self, group: Group) -> int:
        row = self._one(
            "SELECT count(*) AS n FROM jobs WHERE group_id = ? AND status = 0", group.id
        )
        return int(row["n"]) if row else 0

    def worker(self, account: AccountId, name: str) -> Worker | None:
        row = self._one(
            f"{rows.WORKER_SELECT} WHERE workers.account = ? AND workers.name = ?", account, name
        )
        return rows.worker(row) if row else None

    def workers(self, account: AccountId, *, group: str, size: int, after: str) -> Page[Worker]:
        found = self._all(
            f"{rows.WORKER_SELECT} WHERE workers.account = ? AND workers.name > ? "
            "AND (? = '' OR groups.name = ?) ORDER BY workers.name LIMIT ?",
            account,
            after,
            group,
            group,
            size + 1,
        )
        page = [rows.worker(row) for row in found[:size]]
        return Page(rows=page, next=page[-1].name if len(found) > size else "")

    def unreported(self, account: AccountId) -> Sequence[str]:
        found = self._all(
            "SELECT name FROM workers JOIN deployments "
            "ON deployments.generation > workers.generation WHERE account = ? ORDER BY name",
            account,
        )
        return [row["name"] for row in found]

    def registration_tokens(
        self, account: AccountId, *, size: int, after: str
    ) -> Page[RegistrationToken]:
        found = self._all(
            "SELECT rowid AS place, * FROM registration_tokens WHERE account = ? "
            "AND (? = '' OR rowid < CAST(? AS INTEGER)) ORDER BY rowid DESC LIMIT ?",
            account,
            after,
            after,
            size + 1,
        )
        following = str(found[size - 1]["place"]) if len(found) > size else ""
        return Page(rows=[rows.registration_token(row) for row in found[:size]], next=following)

    # --- output -----------------------------------------------------------------------------

    def extent(self, spool: SpoolId) -> Extent:
        return rows.extent(
            self._one(
                "SELECT * FROM spools WHERE job = ? AND attempt = ?",
                spool.job,
                spool.attempt,
                of="output",
            )
        )

    def chunks(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk]:
        found = self._all(_CHUNKS, self._spool(spool), offset, most, of="output")
        return [rows.chunk(row) for row in found]

    def tail(self, spool: SpoolId, lines: int) -> int:
        extent = self.extent(spool)
        # The chunk that holds the end of the line before the wanted ones; without one, the first.
        row = self._one(
            "SELECT offset FROM chunks WHERE spool = ? AND lines_before <= ? "
            "ORDER BY offset DESC LIMIT 1",
            self._spool(spool),
            extent.lines - lines - 1,
            of="output",
        )
        return int(row["offset"]) if row else 0

    def numbered(self, spool: SpoolId, sequence: int) -> int | None:
        # Between two offsets: a count lies behind its data, so a scan would read all of that.
        low, high, found = 0, self.extent(spool).stored, 0
        id_ = self._spool(spool)
        while low < high:
            middle = (low + high) // 2
            row = self._one(
                "SELECT offset, records_before FROM chunks WHERE spool = ? AND offset <= ? "
                "ORDER BY offset DESC LIMIT 1",
                id_,
                middle,
                of="output",
            )
            if row is not None and row["records_before"] is None:
                return None
            if row is None or row["records_before"] <= sequence:
                low, found = middle + 1, found if row is None else int(row["offset"])
            else:
                high = int(row["offset"])
        return found

    def _spool(self, spool: SpoolId) -> int:
        row = self._one(
            "SELECT id FROM spools WHERE job = ? AND attempt = ?",
            spool.job,
            spool.attempt,
            of="output",
        )
        return int(row["id"]) if row else 0
