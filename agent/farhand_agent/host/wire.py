"""What link and runner say to each other on the runner's socket (a UNIX stream socket).

A message is a 5-byte header (kind, payload length; big endian) and its payload: JSON, except DATA
(8-byte spool offset, then whole spool entries) and START (4-byte length of a JSON object, the
object, then the script). The link dials; a new connection supersedes the one before it.

    link -> runner
      WHAT   {}                         answered by STATE
      START  {job_id, attempt, …}       run this; answered by STARTED, VOID, or EXITED with a
                                        reason where it could not be executed. Implies READ 0. An
                                        attempt that this host knows already ends the connection.
      READ   {offset, credit, crc}      send the spool from `offset`, `credit` bytes in all; an
                                        entry that is larger than what is left of it waits. `crc`,
                                        where it is known: that of the server's bytes before it
      CREDIT {credit}                   send so many bytes more
      FREE   {durable}                  the server holds this prefix: segments below may go
      STOP   {grace_ms}                 end the whole tree
      DONE   {}                         nobody needs the attempt: remove the sandbox; answered by
                                        IDLE if this runner takes another job, else by the end of
                                        the connection. While the script runs: as soon as it ends,
                                        unless a READ says that it is wanted after all
      FREEZE {}                         every process is to stand still; answered by FROZEN, some
                                        time, or by EXITED
      ANSWER number, answer             what the server says to the ASK of that number, and the
                                        secrets in it: 8 bytes, then JSON
      THAW   {}                         the script is to go on; answered by THAWED, or by EXITED
    runner -> link
      STATE   {job_id, attempt, phase, size, reason}     job_id is empty for a spare runner;
                                        reason says why an attempt is void
      STARTED {}                        the interpreter was exec'ed; comes before the first DATA
      VOID    {reason}                  claimed as void: it never ran and never will
      DATA    offset, entries           within the credit
      EXITED  {code|signal|reason, stopped, lost, size, crc}   after the last DATA
      IDLE    {}                        the sandbox is gone; this runner is a spare again
      FROZEN  {}                        every process stands still
      THAWED  {}                        the script goes on
      ASK     {ask, question}           the script asks the server for something; said again at
                                        every READ until it is answered
"""

import enum
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

HEADER = struct.Struct(">BI")
OFFSET = struct.Struct(">Q")
LENGTH = struct.Struct(">I")
#: Larger messages end the connection. A START holds a script and its parameters.
MESSAGE_BYTES = 8 * 1024 * 1024
#: Bytes of output that START allows at once, and that the link keeps buffered for an attempt.
FIRST_CREDIT = 256 * 1024


class Kind(enum.IntEnum):
    WHAT = 1
    START = 2
    READ = 3
    CREDIT = 4
    FREE = 5
    STOP = 6
    DONE = 7
    FREEZE = 8
    THAW = 9
    ANSWER = 10
    STATE = 65
    STARTED = 66
    VOID = 67
    DATA = 68
    EXITED = 69
    IDLE = 70
    FROZEN = 71
    THAWED = 72
    ASK = 73


class Phase(enum.StrEnum):
    """How far the attempt of a runner came."""

    SPARE = "spare"
    RUNNING = "running"
    #: It runs, but every process of it stands still.
    FROZEN = "frozen"
    EXITED = "exited"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; `data` is the binary part of START, DATA and ANSWER."""

    kind: Kind
    fields: dict[str, Any] = field(default_factory=dict)
    data: bytes = b""


class WireError(Exception):
    """The peer does not speak this protocol."""


def pack(kind: Kind, **fields: Any) -> bytes:
    """A message whose payload is JSON."""
    payload = json.dumps(fields).encode() if fields else b"{}"
    return HEADER.pack(kind, len(payload)) + payload


def pack_start(script: bytes, **fields: Any) -> bytes:
    """START: what to run, then the script."""
    head = json.dumps(fields).encode()
    return HEADER.pack(Kind.START, LENGTH.size + len(head) + len(script)) + b"".join(
        (LENGTH.pack(len(head)), head, script)
    )


def pack_data(offset: int, entries: bytes | memoryview) -> bytes:
    """DATA: whole spool entries and their place."""
    return data_head(offset, len(entries)) + entries


def pack_answer(ask: int, answer: bytes) -> bytes:
    """ANSWER: JSON that only the runner reads."""
    return HEADER.pack(Kind.ANSWER, OFFSET.size + len(answer)) + OFFSET.pack(ask) + answer


def data_head(offset: int, length: int) -> bytes:
    """What stands before the `length` bytes of entries in DATA, for who sends them uncopied."""
    return HEADER.pack(Kind.DATA, OFFSET.size + length) + OFFSET.pack(offset)


class Decoder:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every message that is complete with `data`. Raises WireError on nonsense."""
        self._held += data
        start = 0
        while len(self._held) - start >= HEADER.size:
            kind, length = HEADER.unpack_from(self._held, start)
            if length > MESSAGE_BYTES:
                raise WireError(f"message of {length} bytes")
            end = start + HEADER.size + length
            if end > len(self._held):
                break
            yield _message(kind, bytes(self._held[start + HEADER.size : end]))
            start = end
        del self._held[:start]


def _message(number: int, payload: bytes) -> Message:
    try:
        kind = Kind(number)
        if kind is Kind.DATA:
            (offset,) = OFFSET.unpack_from(payload)
            return Message(kind=kind, fields={"offset": offset}, data=payload[OFFSET.size :])
        if kind is Kind.ANSWER:
            (ask,) = OFFSET.unpack_from(payload)
            return Message(kind=kind, fields={"ask": ask}, data=payload[OFFSET.size :])
        if kind is Kind.START:
            (length,) = LENGTH.unpack_from(payload)
            end = LENGTH.size + length
            fields = _fields(payload[LENGTH.size : end])
            return Message(kind=kind, fields=fields, data=payload[end:])
        return Message(kind=kind, fields=_fields(payload))
    except (ValueError, RecursionError, struct.error) as error:
        raise WireError(f"message {number} is not readable") from error


def _fields(text: bytes) -> dict[str, Any]:
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError("fields are a JSON object")
    return fields
