"""Where output lies: one spool per attempt, read by offset."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import JobId
from farhand_wire import spool as spools
from farhand_wire.spool import Entry, Kind, Omitted, SpoolError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SpoolId:
    """The spool of one attempt."""

    job: JobId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much of a spool the store holds."""

    #: Bytes committed.
    stored: int = 0
    #: Bytes that survive a power loss.
    durable: int = 0
    #: zlib.crc32 of the stored bytes.
    crc: int = 0
    #: Newlines in the stored streams.
    lines: int = 0
    #: Entries of the stored streams; None: some were stored before anybody counted.
    records: int | None = 0
    #: Bytes of the stored streams, without headers.
    payload: int = 0
    #: The server's clock at the first byte: elapsed times count from here.
    opened: UnixMs | None = None
    #: Offsets of whole entries that came and were left out; equal if none were. All other figures
    #: count them.
    omitted_from: int = 0
    omitted_to: int = 0
    #: What its worker reported of it instead, in words; empty if both agree, or it never did.
    mismatch: str = ""

    @property
    def kept(self) -> int:
        """Bytes that can be read."""
        return self.stored - (self.omitted_to - self.omitted_from)

    def omits(self, offset: int) -> bool:
        """Whether the byte at this place was left out."""
        return self.omitted_from <= offset < self.omitted_to


#: Why the server does not have bytes that it has received.
LEFT_OUT = "beyond the server's output_max: the beginning and the end are kept"
LOST = "not in the output database, which was damaged or is older than the job"
#: Why it has them, and cannot read them.
DAMAGED = "damaged in the output database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A range of spool offsets whose bytes are not here."""

    #: None: bytes of any stream.
    stream: Kind | None
    start: int
    end: int
    reason: str

    @classmethod
    def of(cls, omitted: Omitted) -> "Missing":
        """What the worker itself did not have."""
        return cls(
            stream=omitted.stream, start=omitted.start, end=omitted.end, reason=omitted.reason
        )

    @classmethod
    def between(cls, start: int, end: int, extent: Extent) -> "Missing":
        """Chunks that are not stored."""
        reason = LEFT_OUT if extent.omits(start) else LOST
        return cls(stream=None, start=start, end=end, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole entries of one spool."""

    offset: int
    #: Lines of the job that ended before this chunk.
    lines_before: int
    #: Entries of its streams before this chunk: the sequence number of the first one in it. None:
    #: nobody counted.
    records_before: int | None = 0
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    def contents(self) -> Iterator[tuple[int, Entry | Missing]]:
        """Its entries, each with the offset behind it. What an entry says is missing, and what
        cannot be read from some entry on, is given as that."""
        for end, _, held in self.records():
            yield end, held

    def records(self) -> Iterator[tuple[int, int | None, Entry | Missing]]:
        """The same, each with its sequence number between them, or that of the next record if it is
        none; None where nobody counted."""
        end, sequence = self.offset, self.records_before
        try:
            for entry in spools.entries(self.data):
                gone = entry.kind is Kind.OMITTED
                held = Missing.of(spools.read_omitted(entry.payload)) if gone else entry
                end = self.offset + entry.end
                yield end, sequence, held
                if sequence is not None and entry.kind in spools.STREAMS:
                    sequence += 1
        except SpoolError:
            damaged = Missing(stream=None, start=end, end=self.end, reason=DAMAGED)
            yield self.end, sequence, damaged


def unbroken(chunks: Sequence[Chunk]) -> Sequence[Chunk]:
    """Those that follow each other without a gap, from the first one on."""
    for before, (one, following) in enumerate(itertools.pairwise(chunks)):
        if one.end != following.offset:
            return chunks[: before + 1]
    return chunks
