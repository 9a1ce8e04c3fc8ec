"""Randomness that can be copied cheaply, and numbers that only tell things apart."""

import hashlib


class Chance:
    """Implements the core's Chance: the same seed gives the same bytes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def __call__(self, count: int, /) -> bytes:
        self._drawn += 1
        return hashlib.blake2b(b"%d %d" % (self._seed, self._drawn), digest_size=count).digest()


class Serial(int):
    """One of a kind; nothing follows from which."""

    __slots__ = ()


class Serials:
    """1, 2, 3, …"""

    def __init__(self) -> None:
        self._last = 0

    def __next__(self) -> Serial:
        self._last += 1
        return Serial(self._last)
