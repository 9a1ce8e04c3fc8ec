"""Which bytes of output are taken: offsets decide, never content."""

import enum


class Taking(enum.Enum):
    """What to do with bytes that arrived for a spool."""

    #: All or the end of them are new.
    APPEND = enum.auto()
    #: All of them are here already: first write wins.
    DROP = enum.auto()
    #: Bytes before them are missing.
    RESEND = enum.auto()


def taking(*, size: int, offset: int, length: int) -> Taking:
    """How bytes at `offset` fit a spool of which `size` bytes have arrived."""
    if offset > size:
        return Taking.RESEND
    return Taking.DROP if offset + length <= size else Taking.APPEND
