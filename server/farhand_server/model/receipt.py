"""What the server says of an attempt's output after it has read all of it back."""

from dataclasses import dataclass

from farhand_server.model.output import Missing
from farhand_wire.spool import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReceipt:
    """One stream, as far as it is stored."""

    stream: Kind
    #: Newlines, and one more if the last line has none.
    lines: int
    bytes: int
    #: Hexadecimal; empty if bytes of the stream are, or may be, missing.
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One attempt."""

    attempt: int
    streams: tuple[StreamReceipt, ...]
    #: What came of its spool, headers included.
    spool_bytes: int
    #: Everything was read back in one piece, and it is what worker and server agreed on.
    verified: bool
    #: Why not.
    why: str = ""
    missing: tuple[Missing, ...] = ()
