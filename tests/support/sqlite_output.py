"""The bytes of jobs in a real database, which can lose its power.

What a disk would hold after that is a copy of the files as they were at the last sync.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.support.memory import Failure

from farhand_server.errors import OutcomeUnknown
from farhand_server.model.identifiers import JobId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.store.sqlite import SqliteOutputStore, SqliteQueries, create
from farhand_server.store.sqlite.connection import open_reader

_SPOOLS = "SELECT id, job, attempt FROM spools"
_CHUNKS = "SELECT data FROM chunks WHERE spool = ? ORDER BY offset"


class SqliteOutput:
    """Implements Output over the real store."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "output.db").exists():
            create(folder)
        self._state, self._path = folder / "farhand.db", folder / "output.db"
        self.fail_next: deque[Failure] = deque()
        self._committed: dict[SpoolId, bytes] = {}
        self._durable: dict[SpoolId, bytes] = {}
        self._safe: dict[Path, bytes] = {}
        self._store: SqliteOutputStore | None = None
        self._reader: sqlite3.Connection | None = None
        self._version = 0

    # --- the writer's side ------------------------------------------------------------------

    def extent(self, spool: SpoolId) -> Extent:
        return self._opened().extent(spool)

    def chunk(self, spool: SpoolId, offset: int) -> Chunk | None:
        return self._opened().chunk(spool, offset)

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        self._opened().append(spool, chunks, extent)

    def remove(self, job: JobId, most: int) -> bool:
        gone = self._opened().remove(job, most)
        if gone:
            self._keep()
        return gone

    def commit(self) -> None:
        failure = self._fails()
        self._opened().commit()
        _fail(failure)

    def sync(self) -> None:
        failure = self._fails()
        self._opened().sync()
        self._keep()
        _fail(failure)

    def close(self) -> None:
        """As a process ends; the next one opens what is there."""
        for held in (self._store, self._reader):
            if held is not None:
                held.close()
        self._store = self._reader = None

    # --- what may happen, and what is true --------------------------------------------------

    def power_loss(self) -> None:
        self._replace(self._safe)

    def back_up(self) -> bytes:
        """Taken while the server runs."""
        self._look()
        assert self._reader is not None
        with closing(sqlite3.connect(":memory:")) as to:
            self._reader.backup(to)
            return to.serialize()

    def go_back(self, saved: bytes) -> None:
        self._replace({self._path: saved})

    def _replace(self, files: dict[Path, bytes]) -> None:
        self.close()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()
        for path, data in files.items():
            path.write_bytes(data)

    @property
    def has_undurable(self) -> bool:
        return any(self.committed(spool) != self.durable(spool) for spool in self.spools())

    def spools(self) -> list[SpoolId]:
        return list(self._look())

    def committed(self, spool: SpoolId) -> bytes:
        return self._look().get(spool, b"")

    def durable(self, spool: SpoolId) -> bytes:
        return self._durable.get(spool, b"")

    def reader(self) -> SqliteQueries:
        """What the edges read with."""
        return SqliteQueries(self._state, self._path)

    def _opened(self) -> SqliteOutputStore:
        """Opening it makes durable whatever is there."""
        if self._store is None:
            self._store = SqliteOutputStore(self._path)
            self._keep()
        return self._store

    def _fails(self) -> Failure | None:
        failure = self.fail_next.popleft() if self.fail_next else None
        if failure is Failure.COMMIT_FAILS:
            with self._opened()._all_or_nothing():
                raise sqlite3.OperationalError("the disk is full")
        return failure

    def _keep(self) -> None:
        self._durable = dict(self._look())
        self._safe = {path: path.read_bytes() for path in self._files()}

    def _files(self) -> list[Path]:
        """The database and its log; what readers share about the log is made anew."""
        found = self._path.parent.glob(f"{self._path.name}*")
        return [path for path in found if not path.name.endswith("-shm")]

    def _look(self) -> dict[SpoolId, bytes]:
        """What is committed; read again after each change."""
        if self._reader is None:
            self._reader = open_reader(self._path)
            self._version = 0
        (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            self._committed = {
                SpoolId(job=JobId(row["job"]), attempt=row["attempt"]): b"".join(
                    data for (data,) in self._reader.execute(_CHUNKS, (row["id"],))
                )
                for row in self._reader.execute(_SPOOLS).fetchall()
            }
        return self._committed


def _fail(failure: Failure | None) -> None:
    if failure is Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE:
        raise OutcomeUnknown("the disk did not answer")
