"""The one thread that writes output: it commits what waits, and syncs when nothing waits.

A commit releases `stored` (followers see it, the window moves); a sync releases `durable` (the
spool on the worker may be freed, a result may become final). In a flood it syncs at the latest
every OUTPUT_SYNC_BYTES or OUTPUT_SYNC_SECONDS, and at once when a result waits.
"""

import queue
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from farhand_server.core.output import (
    OTHER_BYTES,
    REFUSED_RESULTS,
    TORN,
    Keeping,
    misfit,
    mismatch,
)
from farhand_server.engine.cutting import cut
from farhand_server.engine.ports import Clock, OutputStore
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_wire import limits
from farhand_wire import spool as spools


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Bytes for the end of a spool."""

    session: SessionId
    spool: SpoolId
    offset: int
    data: bytes = field(repr=False)
    #: The attempt is this session's from its first byte: what is not known here is nowhere.
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The spool is complete; say so when it is durable."""

    session: SessionId
    spool: SpoolId
    result: frames.Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Everything that is stored of a job goes, a little at a time."""

    job: JobId


Item = Append | Seal | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Chunks that were committed; `taken` bytes of the session's window are free again."""

    session: SessionId
    spool: SpoolId
    extent: Extent
    chunks: Sequence[Chunk] = field(repr=False)
    taken: int


class Audience(Protocol):
    """Who hears of it; every method is called on the writer's thread."""

    def stored(self, news: Sequence[Stored]) -> None: ...
    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None: ...
    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None: ...
    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None: ...
    def refused(self, session: SessionId, reason: str) -> None:
        """Something of it was not taken; it goes on."""
        ...

    def violated(self, session: SessionId, reason: str) -> None:
        """It may not go on."""
        ...

    def removed(self, job: JobId) -> None:
        """Nothing is left of it."""
        ...

    def failed(self, error: Exception) -> None: ...


class OutputWriter:
    """`put` from the loop, everything else on a thread of its own."""

    def __init__(
        self,
        *,
        store: Callable[[], OutputStore],
        clock: Clock,
        output_max: int = limits.OUTPUT_MAX_BYTES,
    ) -> None:
        """`store` is opened on the thread that uses it. Of one spool it gets `output_max` bytes."""
        self._open = store
        self._clock = clock
        self._output_max = output_max
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, audience: Audience) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(
            target=self._run, args=(audience,), name="farhand-output", daemon=True
        )
        self._thread.start()

    def put(self, item: Item) -> None:
        self._queue.put(item)

    def stop(self) -> None:
        """Writes and syncs what waits, then ends. Blocks."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self, audience: Audience) -> None:
        store = self._open()
        ledger = Ledger(
            store=store, clock=self._clock, audience=audience, output_max=self._output_max
        )
        try:
            while True:
                batch = self._batch()
                items = [item for item in batch if item is not None]
                try:
                    for left in ledger.write(items, idle=self._queue.empty()):
                        self._queue.put(left)
                except Exception as error:
                    # The store's failure or a bug here: what was told is true, the rest is open.
                    audience.failed(error)
                    ledger.forget()
                if len(items) < len(batch):
                    break
        finally:
            store.close()

    def _batch(self) -> list[Item | None]:
        """Everything that waits, at least one item; bounded, so that commits stay short."""
        batch = [self._queue.get()]
        size = 0
        while size < limits.OUTPUT_SYNC_BYTES // 4 and not self._queue.empty():
            item = self._queue.get()
            batch.append(item)
            size += len(item.data) if isinstance(item, Append) else 0
        return batch


class Ledger:
    """What the store holds of each spool that moves; the last word on offsets."""

    def __init__(
        self,
        *,
        store: OutputStore,
        clock: Clock,
        audience: Audience,
        output_max: int = limits.OUTPUT_MAX_BYTES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._audience = audience
        self._keeping = Keeping.most(output_max)
        self._extents: dict[SpoolId, Extent] = {}
        #: How many results of it did not fit.
        self._refused: dict[SpoolId, int] = {}
        self._unsynced: dict[SpoolId, None] = {}
        self._unsynced_bytes = 0
        self._synced_at = clock.monotonic()

    def forget(self) -> None:
        """After a failed commit the store alone knows what it holds."""
        self._extents.clear()
        self._unsynced.clear()
        self._unsynced_bytes = 0

    def write(self, items: Sequence[Item], *, idle: bool) -> Sequence[Remove]:
        """One commit for all that was appended, then a sync if it is time for one. Gives what is to
        be gone on with when others have had their turn."""
        news = [self._append(item) for item in items if isinstance(item, Append)]
        if news:
            self._store.commit()
            self._audience.stored(news)
        seals = [item for item in items if isinstance(item, Seal)]
        for seal in seals:
            self._extent(seal.spool)
        if self._unsynced and (seals or idle or self._is_due()):
            self._sync()
        for seal in seals:
            self._seal(seal)
        removals = [item for item in items if isinstance(item, Remove)]
        return [removal for removal in removals if not self._remove(removal.job)]

    def _append(self, item: Append) -> Stored:
        if item.fresh and item.offset == 0:
            self._extents.setdefault(item.spool, Extent())
        extent = self._extent(item.spool)
        chunks: Sequence[Chunk] = ()
        if item.offset > extent.stored:
            self._audience.missing(item.session, item.spool, extent.stored)
        elif self._differs(item, extent):
            self._audience.refused(item.session, OTHER_BYTES)
        elif data := item.data[extent.stored - item.offset :]:
            try:
                chunks, extent = self._extend(extent, data)
            except spools.SpoolError:
                self._audience.violated(item.session, TORN)
            else:
                extent = self._leave_out(item.spool, chunks, extent)
                self._store.append(item.spool, chunks, extent)
                self._extents[item.spool] = extent
                self._unsynced[item.spool] = None
                self._unsynced_bytes += len(data)
        return Stored(
            session=item.session,
            spool=item.spool,
            extent=extent,
            chunks=chunks,
            taken=len(item.data),
        )

    def _extend(self, extent: Extent, data: bytes) -> tuple[Sequence[Chunk], Extent]:
        rows = cut(data, extent)
        longer = replace(
            extent,
            stored=extent.stored + len(data),
            crc=zlib.crc32(data, extent.crc),
            lines=extent.lines + rows.lines,
            records=None if extent.records is None else extent.records + rows.records,
            payload=extent.payload + rows.payload,
            opened=self._clock.unix_ms() if extent.opened is None else extent.opened,
        )
        return rows.chunks, longer

    def _differs(self, item: Append, extent: Extent) -> bool:
        """Whether bytes come again, and as others: the first write stays, and what follows them
        here belongs to another spool than ours."""
        at, end = item.offset, min(item.offset + len(item.data), extent.stored)
        while at < end:
            if extent.omits(at):  # nothing can be said of it
                at = extent.omitted_to
                continue
            chunk = self._store.chunk(item.spool, at)
            if chunk is None:
                return False
            until = min(end, chunk.end)
            came = item.data[at - item.offset : until - item.offset]
            if came != chunk.data[at - chunk.offset : until - chunk.offset]:
                return True
            at = until
        return False

    def _leave_out(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> Extent:
        """Of a spool that is too long, chunks between its beginning and its end do not stay."""
        if self._keeping.fits(extent.kept):
            return extent
        start: int | None = extent.omitted_from
        if not extent.omitted_to:
            start = self._begin_of_chunk(spool, chunks, self._keeping.head)
        end = self._begin_of_chunk(spool, chunks, extent.stored - self._keeping.tail)
        if start is None or end is None or end <= max(start, extent.omitted_to):
            return extent
        return replace(extent, omitted_from=start, omitted_to=end)

    def _begin_of_chunk(self, spool: SpoolId, new: Sequence[Chunk], offset: int) -> int | None:
        """Where the chunk begins that holds this byte: a new one, or one that is stored."""
        if offset >= new[0].offset:
            return max(chunk.offset for chunk in new if chunk.offset <= offset)
        found = self._store.chunk(spool, offset)
        return None if found is None else found.offset

    def _is_due(self) -> bool:
        late = self._clock.monotonic() - self._synced_at > limits.OUTPUT_SYNC_SECONDS
        return late or self._unsynced_bytes > limits.OUTPUT_SYNC_BYTES

    def _sync(self) -> None:
        self._store.sync()
        self._synced_at = self._clock.monotonic()
        self._unsynced_bytes = 0
        for spool in self._unsynced:
            extent = self._extents[spool]
            self._extents[spool] = replace(extent, durable=extent.stored)
        self._audience.durable([(spool, self._extents[spool]) for spool in self._unsynced])
        self._unsynced.clear()

    def _seal(self, seal: Seal) -> None:
        extent = self._extent(seal.spool)
        if extent.stored < seal.result.size:
            self._audience.missing(seal.session, seal.spool, extent.stored)
            return
        if problem := misfit(seal.result, extent):
            if self._is_refused(seal.spool):
                self._audience.violated(seal.session, problem)
                return
            extent = replace(extent, mismatch=mismatch(seal.result, extent))
            self._store.append(seal.spool, (), extent)
            self._store.sync()
            self._audience.refused(seal.session, problem)
        self._refused.pop(seal.spool, None)
        self._extents.pop(seal.spool)
        self._audience.sealed(seal.session, seal.result, extent)

    def _remove(self, job: JobId) -> bool:
        for known in (self._extents, self._unsynced, self._refused):
            for spool in [spool for spool in known if spool.job == job]:
                del known[spool]
        gone = self._store.remove(job, limits.OUTPUT_REMOVE_CHUNKS)
        if gone:
            self._audience.removed(job)
        return gone

    def _is_refused(self, spool: SpoolId) -> bool:
        """Whether its worker is to try once more."""
        self._refused[spool] = self._refused.get(spool, 0) + 1
        return self._refused[spool] <= REFUSED_RESULTS

    def _extent(self, spool: SpoolId) -> Extent:
        known = self._extents.get(spool)
        if known is None:
            known = self._extents[spool] = self._store.extent(spool)
            if known.durable < known.stored:
                self._unsynced[spool] = None
        return known
