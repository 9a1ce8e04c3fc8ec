"""How often machines at one address may be refused to join, before they have to wait.

Only refusals count: a fleet that joins through one address with good tokens is never slowed.
"""

import math

from farhand_server.engine.ports import Clock
from farhand_server.errors import TooManyRefusals
from farhand_server.rpc.bucket import Bucket

#: Addresses remembered; those that owe nothing are forgotten first.
ADDRESSES = 10_000


class Joins:
    """A refusal is a debt of one; a second pays one back."""

    def __init__(self, *, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._debts: dict[str, Bucket] = {}

    def check(self, address: str) -> None:
        """Raises TooManyRefusals while the address owes too much."""
        bucket = self._debts.get(address)
        debt = bucket.owes(self._clock.monotonic()) if bucket else 0.0
        if debt > self._most - 1:
            raise TooManyRefusals(
                "too many machines at this address were refused",
                why=f"{self._most} registrations from {address} failed within a short time",
                do=f"check the token, and try again in {math.ceil(debt - self._most + 1)} s",
            )

    def refused(self, address: str) -> None:
        """A machine at this address did not get in."""
        now = self._clock.monotonic()
        if len(self._debts) >= ADDRESSES:
            self._debts = {known: owed for known, owed in self._debts.items() if owed.owes(now)}
        if len(self._debts) < ADDRESSES:
            self._debts.setdefault(address, Bucket(per_second=1.0)).add(1, now)
