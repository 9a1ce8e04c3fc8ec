"""Which bytes of output are taken and which of them stay: offsets decide, never content."""

from dataclasses import dataclass

from farhand_server.model import frames
from farhand_server.model.output import Extent
from farhand_wire import limits

# What a worker may do wrong with output, as operators read it.
NOT_YOURS = "output or result of an attempt that is not this worker's"
BEYOND_WINDOW = "output beyond the window"
OVER = "output or result of an attempt that is over"
GAP = "output behind a gap"
OTHER_BYTES = "other bytes for output that is stored already"
TORN = "output that is not whole entries"
TOO_SHORT = "a result that is shorter than its output"
TOO_LONG = "a result of more output than came"
WRONG_RESULT = "a result with another checksum than its output"

#: So many results that do not fit their output are refused: the worker reads its spool again. The
#: next one is believed as to how the script ended, for no other will ever come, and every stream of
#: the worker ends at it; of the output it is said that it does not agree.
REFUSED_RESULTS = 2


def misfit(result: frames.Result, extent: Extent) -> str:
    """What is wrong with the result of a spool that is all here; empty if it fits."""
    if result.size < extent.stored:
        return TOO_SHORT
    return WRONG_RESULT if result.crc != extent.crc else ""


def mismatch(result: frames.Result, extent: Extent) -> str:
    """Both sides in words."""
    return (
        f"what is stored is not what its worker reported: {result.size:,} bytes with CRC-32 "
        f"{result.crc:08x} there, {extent.stored:,} with {extent.crc:08x} here"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What stays of a spool that is too long: its beginning and its end, in bytes."""

    head: int
    tail: int

    @classmethod
    def most(cls, output_max: int) -> "Keeping":
        """Both together."""
        tail = min(limits.OUTPUT_TAIL_BYTES, output_max // 4)
        return cls(head=output_max - tail, tail=tail)

    def fits(self, kept: int) -> bool:
        """Whether all of it may stay."""
        return kept <= self.head + self.tail
