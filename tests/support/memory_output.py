"""The bytes of jobs in memory, in three layers: written, committed, durable."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.support.memory import Failure

from farhand_server.errors import OutcomeUnknown
from farhand_server.model.identifiers import JobId
from farhand_server.model.output import Chunk, Extent, SpoolId


@dataclass(frozen=True, slots=True)
class _Row:
    extent: Extent = field(default_factory=Extent)
    chunks: tuple[Chunk, ...] = ()

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)


class MemoryOutputStore:
    """Implements OutputStore, and what followers read. It survives its process; `power_loss`
    takes what was not synced."""

    def __init__(self) -> None:
        self._written: dict[SpoolId, _Row] = {}
        self._committed: dict[SpoolId, _Row] = {}
        self._durable: dict[SpoolId, _Row] = {}
        self.fail_next: deque[Failure] = deque()
        self.syncs = 0

    # --- the writer's side ------------------------------------------------------------------

    def extent(self, spool: SpoolId) -> Extent:
        return self._honest(spool, self._written)

    def chunk(self, spool: SpoolId, offset: int) -> Chunk | None:
        row = self._written.get(spool, _Row())
        return next((each for each in row.chunks if each.offset <= offset < each.end), None)

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        row = self._written.get(spool, _Row())
        if any(chunk.offset == old.offset for chunk in chunks for old in row.chunks):
            self.rollback()
            raise OutcomeUnknown("UNIQUE constraint failed: chunks.offset")
        kept = [each for each in (*row.chunks, *chunks) if not extent.omits(each.offset)]
        self._written[spool] = _Row(extent, tuple(kept))

    def remove(self, job: JobId, most: int) -> bool:
        self.commit()
        for spool in [spool for spool in self._written if spool.job == job]:
            row = self._written[spool]
            if len(row.chunks) >= most:
                self._written[spool] = replace(row, chunks=row.chunks[most:])
                self.commit()
                return False
            del self._written[spool]
        self.sync()
        return True

    def commit(self) -> None:
        failure = self.fail_next.popleft() if self.fail_next else None
        if failure is Failure.COMMIT_FAILS:
            self.rollback()
            raise OutcomeUnknown("the disk is full")
        self._committed = dict(self._written)
        if failure is Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE:
            raise OutcomeUnknown("the disk did not answer")

    def sync(self) -> None:
        self.commit()
        self._durable = dict(self._committed)
        self.syncs += 1

    def close(self) -> None:
        """As a process ends: what was not committed never was."""
        self.rollback()

    def rollback(self) -> None:
        self._written = dict(self._committed)

    # --- what may happen, and what is true --------------------------------------------------

    def power_loss(self) -> None:
        """Only what was synced is left."""
        self._written = dict(self._durable)
        self._committed = dict(self._durable)

    def back_up(self) -> "dict[SpoolId, _Row]":
        """What a backup holds: everything that is committed."""
        return dict(self._committed)

    def go_back(self, saved: "dict[SpoolId, _Row]") -> None:
        """All of it, and nothing else, is here and safe."""
        self._durable = dict(saved)
        self.power_loss()

    @property
    def has_undurable(self) -> bool:
        """Whether a loss of power would take anything."""
        return any(self._durable.get(spool) is not row for spool, row in self._committed.items())

    def spools(self) -> list[SpoolId]:
        """Everything of which a byte is committed."""
        return list(self._committed)

    def committed(self, spool: SpoolId) -> bytes:
        return self._committed.get(spool, _Row()).data

    def durable(self, spool: SpoolId) -> bytes:
        return self._durable.get(spool, _Row()).data

    def reader(self) -> "MemoryShelf":
        return MemoryShelf(self)

    def committed_extent(self, spool: SpoolId) -> Extent:
        return self._honest(spool, self._committed)

    def committed_chunks(self, spool: SpoolId) -> tuple[Chunk, ...]:
        return self._committed.get(spool, _Row()).chunks

    def _honest(self, spool: SpoolId, layer: dict[SpoolId, _Row]) -> Extent:
        durable = self._durable.get(spool, _Row()).extent.stored
        return replace(layer.get(spool, _Row()).extent, durable=durable)


class MemoryShelf:
    """Reads what is committed, as the edges do."""

    def __init__(self, store: MemoryOutputStore) -> None:
        self._store = store

    def extent(self, spool: SpoolId) -> Extent:
        return self._store.committed_extent(spool)

    def chunks(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk]:
        found = self._store.committed_chunks(spool)
        wanted = [chunk for chunk in found if chunk.end > offset]
        start = max(offset, wanted[0].offset) if wanted else offset
        return [chunk for chunk in wanted if chunk.offset < start + most]
