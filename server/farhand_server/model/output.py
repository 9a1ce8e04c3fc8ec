"""Where output lies: one spool per attempt, read by offset."""

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
