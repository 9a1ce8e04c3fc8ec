"""Where output lies: one spool per attempt, read by offset."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import JobId


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
    #: Bytes of the stored streams, without headers.
    payload: int = 0
    #: The server's clock at the first byte: elapsed times count from here.
    opened: UnixMs | None = None
    #: Offsets of whole entries that came and were left out; equal if none were. All other figures
    #: count them.
    omitted_from: int = 0
    omitted_to: int = 0

    @property
    def kept(self) -> int:
        """Bytes that can be read."""
        return self.stored - (self.omitted_to - self.omitted_from)

    def omits(self, offset: int) -> bool:
        """Whether the byte at this place was left out."""
        return self.omitted_from <= offset < self.omitted_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole entries of one spool."""

    offset: int
    #: Lines of the job that ended before this chunk.
    lines_before: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


#: Why the server does not have bytes that it has received.
LEFT_OUT = "beyond the server's output_max: the beginning and the end are kept"
LOST = "not in the output database: it was damaged, or is older than the job"


def missing(extent: Extent, offset: int) -> str:
    """Why the chunk that held this byte is not there."""
    return LEFT_OUT if extent.omits(offset) else LOST


def unbroken(chunks: Sequence[Chunk]) -> Sequence[Chunk]:
    """Those that follow each other without a gap, from the first one on."""
    for before, (one, following) in enumerate(itertools.pairwise(chunks)):
        if one.end != following.offset:
            return chunks[: before + 1]
    return chunks
