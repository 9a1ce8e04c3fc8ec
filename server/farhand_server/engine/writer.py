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

from farhand_server.engine.ports import Clock, OutputStore
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
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
    def violated(self, session: SessionId, problem: str) -> None: ...
    def failed(self, error: Exception) -> None: ...


class OutputWriter:
    """`put` from the loop, everything else on a thread of its own."""

    def __init__(self, *, store: Callable[[], OutputStore], clock: Clock) -> None:
        self._open = store
        self._clock = clock
        self._queue: queue.SimpleQueue[Append | Seal | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, audience: Audience) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(
            target=self._run, args=(audience,), name="farhand-output", daemon=True
        )
        self._thread.start()

    def put(self, item: Append | Seal) -> None:
        self._queue.put(item)

    def stop(self) -> None:
        """Writes and syncs what waits, then ends. Blocks."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self, audience: Audience) -> None:
        store = self._open()
        ledger = Ledger(store=store, clock=self._clock, audience=audience)
        try:
            while True:
                batch = self._batch()
                items = [item for item in batch if item is not None]
                try:
                    ledger.write(items, idle=self._queue.empty())
                except Exception as error:
                    # The store's failure or a bug here: what was told is true, the rest is open.
                    audience.failed(error)
                    ledger.forget()
                if len(items) < len(batch):
                    break
        finally:
            store.close()

    def _batch(self) -> list[Append | Seal | None]:
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

    def __init__(self, *, store: OutputStore, clock: Clock, audience: Audience) -> None:
        self._store = store
        self._clock = clock
        self._audience = audience
        self._extents: dict[SpoolId, Extent] = {}
        self._unsynced: dict[SpoolId, None] = {}
        self._unsynced_bytes = 0
        self._synced_at = clock.monotonic()

    def forget(self) -> None:
        """After a failed commit the store alone knows what it holds."""
        self._extents.clear()
        self._unsynced.clear()
        self._unsynced_bytes = 0

    def write(self, items: Sequence[Append | Seal], *, idle: bool) -> None:
        """One commit for all that was appended, then a sync if it is time for one."""
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

    def _append(self, item: Append) -> Stored:
        if item.fresh and item.offset == 0:
            self._extents.setdefault(item.spool, Extent())
        extent = self._extent(item.spool)
        chunks: Sequence[Chunk] = ()
        if item.offset > extent.stored:
            self._audience.missing(item.session, item.spool, extent.stored)
        elif data := item.data[extent.stored - item.offset :]:
            try:
                chunks, extent = self._extend(extent, data)
            except spools.SpoolError as error:
                self._audience.violated(item.session, str(error))
            else:
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
        chunks, lines, payload = cut(data, offset=extent.stored, lines_before=extent.lines)
        longer = replace(
            extent,
            stored=extent.stored + len(data),
            crc=zlib.crc32(data, extent.crc),
            lines=extent.lines + lines,
            payload=extent.payload + payload,
            opened=self._clock.unix_ms() if extent.opened is None else extent.opened,
        )
        return chunks, longer

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
        elif extent.stored > seal.result.size or extent.crc != seal.result.crc:
            self._audience.violated(seal.session, "size or checksum of a result is not its spool's")
        else:
            self._extents.pop(seal.spool)
            self._audience.sealed(seal.session, seal.result, extent)

    def _extent(self, spool: SpoolId) -> Extent:
        known = self._extents.get(spool)
        if known is None:
            known = self._extents[spool] = self._store.extent(spool)
            if known.durable < known.stored:
                self._unsynced[spool] = None
        return known


def cut(data: bytes, *, offset: int, lines_before: int) -> tuple[list[Chunk], int, int]:
    """Whole entries as rows of at most SPOOL_ENTRY_BYTES; with the lines and bytes of their
    streams. Raises SpoolError if `data` is not whole entries."""
    chunks: list[Chunk] = []
    start = lines = payload = chunk_lines = end = 0
    for entry in spools.entries(data):
        if entry.end - start > limits.SPOOL_ENTRY_BYTES and entry.start > start:
            chunks.append(_chunk(data, offset, start, entry.start, lines_before + chunk_lines))
            start, chunk_lines = entry.start, lines
        if entry.kind in spools.STREAMS:
            body = entry.start + spools.HEADER.size
            lines += data.count(b"\n", body, entry.end)
            payload += len(entry.payload)
        end = entry.end
    chunks.append(_chunk(data, offset, start, end, lines_before + chunk_lines))
    return chunks, lines, payload


def _chunk(data: bytes, offset: int, start: int, end: int, lines_before: int) -> Chunk:
    return Chunk(offset=offset + start, lines_before=lines_before, data=data[start:end])
