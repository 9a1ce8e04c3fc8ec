"""Limits of rates: what is done is a debt, and time pays it back."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Bucket:
    """`per_second` is paid back; moments are those of a monotonic clock, in seconds."""

    per_second: float
    _debt: float = 0.0
    _since: float = 0.0

    def owes(self, now: float) -> float:
        """What is not paid back yet."""
        return max(0.0, self._debt - (now - self._since) * self.per_second)

    def add(self, amount: float, now: float) -> float:
        """More debt; gives all of it."""
        self._debt, self._since = self.owes(now) + amount, now
        return self._debt
