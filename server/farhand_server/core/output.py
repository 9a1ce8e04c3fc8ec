"""Which bytes of output are taken and which of them stay: offsets decide, never content."""

from dataclasses import dataclass

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
WRONG_RESULT = "size or checksum of a result is not its spool's"


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
