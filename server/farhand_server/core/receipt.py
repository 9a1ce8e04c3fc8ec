"""Reads a stored spool from its first byte to its last and says what it is."""

import hashlib
import zlib
from dataclasses import dataclass, field

from farhand_server.model.job import Job
from farhand_server.model.output import DAMAGED, LOST, Chunk, Extent, Missing
from farhand_server.model.receipt import Receipt, StreamReceipt
from farhand_wire import spool as spools
from farhand_wire.spool import Kind

#: Ranges that a receipt names; there are more only where a worker made them up.
RANGES = 1_000
#: Streams that are named although nothing was written to them.
ALWAYS = (Kind.OUTPUT, Kind.ERROR)


@dataclass(slots=True)
class _Stream:
    """A stream, as far as it was read."""

    newlines: int = 0
    bytes: int = 0
    is_open: bool = False
    whole: bool = True
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, payload: memoryview) -> None:
        if payload:
            data = bytes(payload)
            self.newlines += data.count(b"\n")
            self.bytes += len(data)
            self.is_open = not data.endswith(b"\n")
            self.digest.update(data)

    def receipt(self, kind: Kind) -> StreamReceipt:
        return StreamReceipt(
            stream=kind,
            lines=self.newlines + self.is_open,
            bytes=self.bytes,
            sha256=self.digest.hexdigest() if self.whole else "",
        )


class ReadBack:
    """Takes the chunks of one spool in their order. `extent` is what the store says of it."""

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        #: Offset behind what was read.
        self.at = 0
        self._crc = 0
        self._ended = False
        self._streams = {kind: _Stream() for kind in ALWAYS}
        self._missing: list[Missing] = []

    @property
    def is_done(self) -> bool:
        return self.at >= self._extent.stored

    def add(self, chunk: Chunk, extent: Extent) -> None:
        """`extent`: the spool's when the chunk was read, or later; what is left out may grow."""
        if chunk.offset > self.at:
            self._miss(Missing.between(self.at, chunk.offset, extent))
        elif chunk.offset < self.at:
            self._miss(Missing(stream=None, start=chunk.offset, end=self.at, reason=DAMAGED))
        self.at = chunk.end
        self._crc = zlib.crc32(chunk.data, self._crc)
        for _, entry in chunk.contents():
            if isinstance(entry, Missing):
                self._miss(entry)
            else:
                self._take(entry)

    def end(self) -> None:
        """Nothing more is stored."""
        if not self.is_done:
            self._miss(Missing.between(self.at, self._extent.stored, self._extent))
            self.at = self._extent.stored

    def receipt(self, job: Job, attempt: int) -> Receipt:
        """`job`: as it was before the reading began."""
        why = (
            self._damage()
            or self._extent.mismatch
            or _unsettled(job, attempt, ended=self._ended)
            or self._gone()
        )
        why = f"attempt {attempt}: {why}" if why else ""
        return Receipt(
            attempt=attempt,
            streams=tuple(self._streams[kind].receipt(kind) for kind in sorted(self._streams)),
            spool_bytes=self._extent.stored,
            verified=not why,
            why=why,
            missing=tuple(self._missing[:RANGES]),
        )

    def _take(self, entry: spools.Entry) -> None:
        self._ended = entry.kind is Kind.EXIT
        if entry.kind in spools.STREAMS:
            if entry.kind not in self._streams:
                self._streams[entry.kind] = _Stream(whole=self._streams[Kind.OUTPUT].whole)
            self._streams[entry.kind].add(entry.payload)

    def _miss(self, range_: Missing) -> None:
        self._missing.append(range_)
        for kind, stream in self._streams.items():
            if range_.stream in (None, kind):
                stream.whole = False

    def _damage(self) -> str:
        """What is stored and should not be, or the other way round."""
        for range_ in self._missing:
            if range_.reason in (DAMAGED, LOST):
                return _sentence(range_)
        if self._missing or self._crc == self._extent.crc:
            return ""
        return (
            f"what is stored is not what came: its CRC-32 is {self._crc:08x}, "
            f"worker and server had {self._extent.crc:08x}"
        )

    def _gone(self) -> str:
        if not self._missing:
            return ""
        more = len(self._missing) - 1
        return _sentence(self._missing[0]) + (f"; and {more:,} more ranges" if more else "")


def _unsettled(job: Job, attempt: int, *, ended: bool) -> str:
    """Why worker and server have not agreed on what the attempt wrote."""
    if attempt < job.attempt:
        return "given up before its worker reported its end"
    if not job.status.is_final:
        return f"the job is {job.status.name.capitalize()}; this is what is here so far"
    return "" if ended and job.end is not None else "its worker never reported its end"


def _sentence(range_: Missing) -> str:
    return f"bytes {range_.start:,} to {range_.end:,} of its spool are {range_.reason}"
