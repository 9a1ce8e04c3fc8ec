"""Identifiers: what names a thing, and how new ones are made."""

import uuid
from typing import NewType

AccountId = NewType("AccountId", int)
GroupId = NewType("GroupId", int)
RunbookId = NewType("RunbookId", int)
#: UUIDv7 in its usual text form.
JobId = NewType("JobId", str)
#: UUIDv4 in its usual text form; never reused.
WorkerId = NewType("WorkerId", str)
#: One stream of a worker, 32 hexadecimal digits.
SessionId = NewType("SessionId", str)
#: One open offer, 32 hexadecimal digits.
OfferId = NewType("OfferId", str)


def uuid7(*, unix_ms: int, random: bytes) -> str:
    """A UUIDv7 (RFC 9562 section 5.7): sorts by time. `random` is at least 10 bytes."""
    tail = int.from_bytes(random[:10], "big")
    value = (unix_ms & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (tail >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | tail & (1 << 62) - 1
    return str(uuid.UUID(int=value))
