"""The bytes of jobs: appended and committed without waiting for the disk, synced when it counts."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from farhand_server.model.identifiers import JobId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.connection import BUSY_MS, open_output, outcome_unknown

#: Ids of spools kept in memory.
SPOOLS = 4096

_NAMES = rows.EXTENT_COLUMNS
_UPDATE = f"UPDATE spools SET {', '.join(f'{name} = ?' for name in _NAMES)} WHERE id = ?"
_UPSERT = (
    f"INSERT INTO spools ({', '.join(_NAMES)}, job, attempt, durable) "
    f"VALUES ({', '.join('?' for _ in _NAMES)}, ?, ?, 0) ON CONFLICT (job, attempt) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _NAMES)} RETURNING id"
)


_INSERT = f"INSERT INTO chunks (spool, {rows.CHUNK_COLUMNS}) VALUES (?, ?, ?, ?, ?)"


class SqliteOutputStore:
    """Implements OutputStore. To be made and used on one thread."""

    def __init__(self, path: Path, *, busy_ms: int = BUSY_MS) -> None:
        """Waits for locks of others at most `busy_ms`. Raises StartError, OutcomeUnknown."""
        self._connection = open_output(path, busy_ms=busy_ms)
        self._ids: dict[SpoolId, int] = {}
        #: Rows that changed since the last sync.
        self._unsynced: set[int] = set()
        # Whatever a crash left behind is durable before anyone is told what is stored.
        self._sync("UPDATE spools SET durable = size WHERE durable < size")

    def extent(self, spool: SpoolId) -> Extent:
        with self._all_or_nothing():
            row = self._connection.execute(
                "SELECT * FROM spools WHERE job = ? AND attempt = ?", (spool.job, spool.attempt)
            ).fetchone()
        return rows.extent(row)

    def chunk(self, spool: SpoolId, offset: int) -> Chunk | None:
        with self._all_or_nothing():
            row = self._connection.execute(
                f"SELECT {rows.CHUNK_COLUMNS} FROM chunks WHERE offset <= ?3 AND spool = "
                "(SELECT id FROM spools WHERE job = ?1 AND attempt = ?2) "
                "ORDER BY offset DESC LIMIT 1",
                (spool.job, spool.attempt, offset),
            ).fetchone()
        found = None if row is None else rows.chunk(row)
        return found if found is not None and offset < found.end else None

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        with self._all_or_nothing():
            self._begin()
            id_ = self._save(spool, extent)
            self._unsynced.add(id_)
            self._connection.executemany(
                _INSERT,
                [
                    (id_, *rows.chunk_values(chunk))
                    for chunk in chunks
                    if not extent.omits(chunk.offset)
                ],
            )
            if extent.omitted_to:
                self._connection.execute(
                    "DELETE FROM chunks WHERE spool = ? AND offset >= ? AND offset < ?",
                    (id_, extent.omitted_from, extent.omitted_to),
                )

    def commit(self) -> None:
        with self._all_or_nothing():
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def sync(self) -> None:
        """One small commit that waits for the disk: in a write-ahead log that makes everything
        before it durable as well. Readers see it no sooner, so what rows call durable, is."""
        self.commit()
        if self._unsynced:
            self._sync(
                "UPDATE spools SET durable = size WHERE id IN (SELECT value FROM json_each(?))",
                json.dumps(list(self._unsynced)),
            )
            self._unsynced.clear()

    def remove(self, job: JobId, most: int) -> bool:
        """Each call is a commit; what tells that there were chunks goes last, and safely."""
        self.commit()
        with self._all_or_nothing():
            gone = self._connection.execute(
                "DELETE FROM chunks WHERE id IN (SELECT chunks.id FROM spools JOIN chunks "
                "ON chunks.spool = spools.id WHERE job = ? LIMIT ?)",
                (job, most),
            ).rowcount
        if gone == most:
            return False
        self._sync("DELETE FROM spools WHERE job = ?", job)
        for spool in [spool for spool in self._ids if spool.job == job]:
            self._unsynced.discard(self._ids.pop(spool))
        return True

    def _sync(self, update: str, *values: str) -> None:
        with self._all_or_nothing():
            self._connection.execute("PRAGMA synchronous=FULL")
            try:
                self._connection.execute(update, values)
            finally:
                self._connection.execute("PRAGMA synchronous=NORMAL")

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """After a failure only the rows say what is stored. Raises OutcomeUnknown."""
        try:
            with outcome_unknown():
                yield
        except BaseException:
            self._ids.clear()
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _save(self, spool: SpoolId, extent: Extent) -> int:
        values = rows.extent_values(extent)
        known = self._ids.get(spool)
        if known is not None:
            self._connection.execute(_UPDATE, (*values, known))
            return known
        row = self._connection.execute(_UPSERT, (*values, spool.job, spool.attempt)).fetchone()
        if len(self._ids) >= SPOOLS:
            self._ids.clear()
        self._ids[spool] = int(row["id"])
        return self._ids[spool]
