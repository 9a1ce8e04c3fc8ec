"""The spool: what an attempt wrote, as one sequence of entries, the same bytes on both sides.

An entry is a 12-byte header (kind, payload length, milliseconds since the script was started; big
endian) and its payload, 64 KiB at most together. The last entry of a spool is its exit. Offsets
count these bytes, headers included. A frame and a stored row hold whole entries only, so either
can be read without its neighbours.
"""

import enum
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from farhand_wire import limits

HEADER = struct.Struct(">BxHQ")
#: Largest payload of one entry.
PAYLOAD_BYTES = limits.SPOOL_ENTRY_BYTES - HEADER.size


class SpoolError(ValueError):
    """Bytes that are not whole, well-formed spool entries."""


class Kind(enum.IntEnum):
    """What an entry holds."""

    OUTPUT = 1
    ERROR = 2
    WARNING = 3
    VERBOSE = 4
    PROGRESS = 5
    DEBUG = 6
    #: Bytes that are truly gone: JSON of `Omitted`.
    OMITTED = 126
    #: The end of the attempt: JSON of `Exit`.
    EXIT = 127


#: Kinds that hold a stream's bytes.
STREAMS = frozenset(kind for kind in Kind if kind < Kind.OMITTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry; `start` is its place in the bytes it was read from."""

    kind: Kind
    elapsed_ms: int
    start: int
    payload: memoryview

    @property
    def end(self) -> int:
        return self.start + HEADER.size + len(self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an attempt ended: exactly one of code, signal and reason is set."""

    code: int | None = None
    signal: int | None = None
    reason: str | None = None
    #: The runner had signalled the tree because of a Stop.
    stopped: bool = False
    #: With a reason: who watched the script was lost with it, so how it ended is not known.
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Omitted:
    """A range of spool offsets whose bytes no longer exist."""

    #: None: of any stream; who lost them cannot know.
    stream: Kind | None
    start: int
    end: int
    reason: str


def pack(kind: Kind, elapsed_ms: int, payload: bytes | memoryview) -> bytes:
    """One entry as bytes; `payload` must not exceed `PAYLOAD_BYTES`."""
    if len(payload) > PAYLOAD_BYTES:
        raise SpoolError(f"payload of {len(payload)} bytes; an entry holds {PAYLOAD_BYTES}")
    return HEADER.pack(kind, len(payload), elapsed_ms) + bytes(payload)


def pack_exit(exit_: Exit, elapsed_ms: int) -> bytes:
    """The exit entry."""
    fields = {
        "code": exit_.code,
        "signal": exit_.signal,
        "reason": exit_.reason,
        "stopped": exit_.stopped or None,
        "lost": exit_.lost or None,
    }
    text = json.dumps({name: value for name, value in fields.items() if value is not None})
    return pack(Kind.EXIT, elapsed_ms, text.encode())


def pack_omitted(omitted: Omitted, elapsed_ms: int) -> bytes:
    """An entry that says what is missing."""
    fields = {
        "stream": omitted.stream or 0,
        "from": omitted.start,
        "to": omitted.end,
        "reason": omitted.reason,
    }
    return pack(Kind.OMITTED, elapsed_ms, json.dumps(fields).encode())


def entries(data: bytes | memoryview) -> Iterator[Entry]:
    """The entries of `data`. Raises SpoolError where it does not hold whole entries."""
    view = memoryview(data)
    start = 0
    while start < len(view):
        if start + HEADER.size > len(view):
            raise SpoolError("a header is cut")
        kind, length, elapsed_ms = HEADER.unpack_from(view, start)
        end = start + HEADER.size + length
        if end > len(view):
            raise SpoolError("an entry is cut")
        try:
            known = Kind(kind)
        except ValueError:
            raise SpoolError(f"unknown kind {kind}") from None
        yield Entry(
            kind=known,
            elapsed_ms=elapsed_ms,
            start=start,
            payload=view[start + HEADER.size : end],
        )
        start = end


def whole(data: bytes | memoryview, most: int) -> int:
    """Length of the longest run of whole entries at the start of `data`, at most `most` bytes."""
    end = 0
    while end + HEADER.size <= len(data):
        _, length, _ = HEADER.unpack_from(data, end)
        following = end + HEADER.size + length
        if following > len(data) or following > most:
            break
        end = following
    return end


def read_exit(payload: bytes | memoryview) -> Exit:
    """The exit that an entry holds. Raises SpoolError if it holds none."""
    fields = _fields(payload)
    code, signal, reason = (fields.get(name) for name in ("code", "signal", "reason"))
    if sum(value is not None for value in (code, signal, reason)) != 1:
        raise SpoolError("an exit names exactly one of code, signal and reason")
    return Exit(
        code=code,
        signal=signal,
        reason=reason,
        stopped=bool(fields.get("stopped")),
        lost=bool(fields.get("lost")),
    )


def read_omitted(payload: bytes | memoryview) -> Omitted:
    """The gap that an entry names. Raises SpoolError if it names none."""
    fields = _fields(payload)
    try:
        omitted = Omitted(
            stream=Kind(fields["stream"]) if fields["stream"] else None,
            start=int(fields["from"]),
            end=int(fields["to"]),
            reason=str(fields["reason"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SpoolError("an omitted range lacks stream, from, to or reason") from error
    if omitted.stream not in {None, *STREAMS} or not 0 <= omitted.start <= omitted.end < 1 << 63:
        raise SpoolError("an omitted range is of a stream, from an offset to a later one")
    return omitted


def _fields(payload: bytes | memoryview) -> dict[str, Any]:
    try:
        fields = json.loads(bytes(payload))
    except ValueError as error:
        raise SpoolError("a record is not JSON") from error
    if not isinstance(fields, dict):
        raise SpoolError("a record is not a JSON object")
    return fields
