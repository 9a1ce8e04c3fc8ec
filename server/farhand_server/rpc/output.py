"""The output of a job, read from a place on: history, tail, resume and following are one path.

Followers are woken, never fed: each reads from its own place whatever is stored by then.
"""

import codecs
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import JobId
from farhand_server.model.output import Chunk, Missing, SpoolId, unbroken
from farhand_server.rpc.backend import Backend
from farhand_wire import spool as spools
from farhand_wire.spool import Kind

#: Bytes asked for at once, and the largest record.
READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Bytes of one stream, read together."""

    stream: Kind
    #: Where it ends: a reader that comes back starts here.
    attempt: int
    next: int
    time: UnixMs
    #: Of the first record in it; None: nobody counted.
    sequence: int | None
    #: Records in it.
    count: int
    #: bytes if raw, else text.
    content: bytes | str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Bytes that are truly gone."""

    missing: Missing
    #: Where a reader that comes back starts.
    attempt: int
    next: int


Item = Record | Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a reader wants to see."""

    raw: bool = False
    streams: frozenset[Kind] = spools.STREAMS
    #: Each record by itself.
    records: bool = False
    #: No record before this one, in the attempt with which reading begins.
    first: int = 0

    def shows(self, kind: Kind) -> bool:
        return kind in self.streams

    def misses(self, range_: Missing) -> bool:
        return range_.stream is None or self.shows(range_.stream)


class Reader:
    """One reader's place in the output of one job. A place inside an entry gives its rest."""

    def __init__(
        self, backend: Backend, job: JobId, wanted: Wanted, *, attempt: int = 1, offset: int = 0
    ) -> None:
        self._backend = backend
        self._job = job
        self._wanted = wanted
        self.attempt = attempt
        self.offset = offset
        self._opened: UnixMs | None = None
        self._decoders: dict[Kind, codecs.IncrementalDecoder] = {}
        self._first = wanted.first
        #: The record that comes next, as far as they were counted.
        self._sequence: int | None = None

    @property
    def spool(self) -> SpoolId:
        return SpoolId(job=self._job, attempt=self.attempt)

    async def drain(self, *, ended: bool = False) -> AsyncIterator[Item]:
        """Everything that is stored of this attempt from here on. `ended`: no more of it is wanted
        than what is there now, so what should be there and is not is told, too."""
        stored = (await self._backend.desk.extent(self.spool)).stored if ended else None
        while stored is None or self.offset < stored:
            chunks = await self._backend.desk.read(self.spool, self.offset, READ_BYTES)
            if not chunks:
                break
            if self._opened is None:
                extent = await self._backend.desk.extent(self.spool)
                self._opened = extent.opened or UnixMs(0)
            if chunks[0].offset > self.offset:
                for item in await self._skip(chunks[0].offset):
                    yield item
            items = deque(self._items(unbroken(chunks)))
            del chunks  # who stalls holds records, and not what they were made of
            while items:
                yield items.popleft()
        if stored is not None:
            for item in await self._skip(stored) if self.offset < stored else self._cut_off():
                yield item

    async def _skip(self, end: int) -> Sequence[Item]:
        """Goes on behind bytes that are not there; what they were cut off from is over."""
        # Asked after the chunks: so the answer knows of all that was left out when they were read.
        extent = await self._backend.look(self._backend.queries.extent, self.spool)
        cut_off, start, self.offset = list(self._cut_off()), self.offset, end
        return [*cut_off, self._gap(Missing.between(start, end, extent))]

    def _cut_off(self) -> Iterator[Item]:
        """What is left of characters that were cut."""
        for kind, decoder in self._decoders.items():
            if text := decoder.decode(b"", final=True):
                rest = Run(kind=kind, elapsed_ms=0, sequence=self._sequence, end=self.offset)
                yield self._record(rest, text)
        self._decoders.clear()

    def next_attempt(self) -> None:
        self.attempt += 1
        self.offset = self._first = 0
        self._opened = self._sequence = None

    def _items(self, chunks: Sequence[Chunk]) -> Iterator[Item]:
        run: Run | None = None
        for chunk in chunks:
            for end, sequence, entry in chunk.records():
                if end <= self.offset:
                    continue
                begun, self.offset, self._sequence = self.offset, end, sequence
                if isinstance(entry, Missing):
                    if self._wanted.misses(entry):
                        yield from self._close(run)
                        run = None
                        yield self._gap(entry)
                elif self._is_wanted(entry.kind, sequence):
                    seen = begun - (end - len(entry.payload))
                    payload = entry.payload[seen:] if seen > 0 else entry.payload
                    alone = self._wanted.records
                    if run is None or alone or not run.takes(entry.kind, len(payload)):
                        yield from self._close(run)
                        run = Run(kind=entry.kind, elapsed_ms=entry.elapsed_ms, sequence=sequence)
                    run.add(payload, end)
        yield from self._close(run)

    def _is_wanted(self, kind: Kind, sequence: int | None) -> bool:
        """Whether this entry is shown; it is counted in any case."""
        if sequence is not None and kind in spools.STREAMS:
            self._sequence = sequence + 1
            if sequence < self._first:
                return False
        return self._wanted.shows(kind)

    def _close(self, run: "Run | None") -> Iterator[Record]:
        if run is None:
            return
        data = run.data()
        if self._wanted.raw:
            if data or self._wanted.records:
                yield self._record(run, data)
            return
        decoder = self._decoders.get(run.kind)
        if decoder is None:
            decoder = self._decoders[run.kind] = _utf8("replace")
        text = decoder.decode(data)
        if text or self._wanted.records:
            run.end -= run.held_back(len(decoder.getstate()[0]))
            yield self._record(run, text)

    def _record(self, run: "Run", content: bytes | str) -> Record:
        return Record(
            stream=run.kind,
            attempt=self.attempt,
            next=run.end,
            time=UnixMs((self._opened or 0) + run.elapsed_ms),
            sequence=run.sequence,
            count=run.count,
            content=content,
        )

    def _gap(self, missing: Missing) -> Gap:
        return Gap(missing=missing, attempt=self.attempt, next=self.offset)


_utf8 = codecs.getincrementaldecoder("utf-8")


@dataclass(slots=True, kw_only=True)
class Run:
    """Entries of one stream that follow each other: one record."""

    kind: Kind
    elapsed_ms: int
    #: Of its first entry.
    sequence: int | None
    #: Spool offset behind the last entry.
    end: int = 0
    _parts: list[memoryview] = field(default_factory=list)
    _size: int = 0

    @property
    def count(self) -> int:
        return len(self._parts)

    def takes(self, kind: Kind, size: int) -> bool:
        return kind is self.kind and self._size + size <= READ_BYTES

    def add(self, payload: memoryview, end: int) -> None:
        self._parts.append(payload)
        self._size += len(payload)
        self.end = end

    def data(self) -> bytes:
        return b"".join(self._parts)

    def held_back(self, pending: int) -> int:
        """Bytes at the end that wait for the rest of their character: a reader that comes back
        needs them again. Those of an entry before the last one cannot be named by a place."""
        return pending if pending <= len(self._parts[-1]) else 0
