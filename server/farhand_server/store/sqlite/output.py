"""The bytes of jobs: appended and committed without waiting for the disk, synced when it counts."""

from collections.abc import Sequence
from pathlib import Path

from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.connection import open_output, outcome_unknown

#: Ids of spools kept in memory.
SPOOLS = 4096


class SqliteOutputStore:
    """Implements OutputStore. To be made and used on one thread."""

    def __init__(self, path: Path) -> None:
        self._connection = open_output(path)
        self._ids: dict[SpoolId, int] = {}
        # Whatever a crash left behind is durable before anyone is told what is stored.
        self.sync()

    def extent(self, spool: SpoolId) -> Extent:
        row = self._connection.execute(
            "SELECT * FROM spools WHERE job = ? AND attempt = ?", (spool.job, spool.attempt)
        ).fetchone()
        return rows.extent(row)

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        with outcome_unknown():
            self._begin()
            id_ = self._save(spool, extent)
            self._connection.executemany(
                "INSERT INTO chunks (spool, offset, lines_before, data) VALUES (?, ?, ?, ?)",
                [(id_, chunk.offset, chunk.lines_before, chunk.data) for chunk in chunks],
            )

    def commit(self) -> None:
        with outcome_unknown():
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def sync(self) -> None:
        """One small commit that waits for the disk: in a write-ahead log that makes everything
        before it durable as well."""
        with outcome_unknown():
            self.commit()
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("UPDATE syncs SET number = number + 1")
            self._connection.execute("PRAGMA synchronous=NORMAL")

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _save(self, spool: SpoolId, extent: Extent) -> int:
        values = (extent.stored, extent.crc, extent.lines, extent.payload, extent.opened)
        known = self._ids.get(spool)
        if known is not None:
            self._connection.execute(
                "UPDATE spools SET size = ?, crc = ?, lines = ?, payload = ?, opened = ? "
                "WHERE id = ?",
                (*values, known),
            )
            return known
        row = self._connection.execute(
            "INSERT INTO spools (size, crc, lines, payload, opened, job, attempt) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job, attempt) DO UPDATE SET "
            "size = excluded.size, crc = excluded.crc, lines = excluded.lines, "
            "payload = excluded.payload, opened = excluded.opened RETURNING id",
            (*values, spool.job, spool.attempt),
        ).fetchone()
        if len(self._ids) >= SPOOLS:
            self._ids.clear()
        self._ids[spool] = int(row["id"])
        return self._ids[spool]
