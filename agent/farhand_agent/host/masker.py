"""Secrets do not leave a job in its output: `***` stands where one was.

Every secret is looked for in all its disguises. One expression finds the places where one may be: a
few bytes of each, taken where they are rarest, so that ordinary output is passed over quickly. Of
what flows, only a tail is held back that may begin a secret.

A secret that itself begins or ends with `*`, or has `***` in it, may be made up by chance where its
other letters stand beside a mask; nobody learns from that whether it is one.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain

from farhand_agent.host.disguises import disguises

MASK = b"***"
#: Bytes of a pattern by which it is found.
_ANCHOR = 4
#: From common to rare in output; what is not named is rarer still.
_COMMON = b" etoainsrl0d1ch2um3p45f6g7890-.:/yb_=vw\"k,TESAIRNOCLDPMFUBGxjHWVYK()[]'zqJXQZ"
_RANKS = bytes(_COMMON.index(byte) if byte in _COMMON else 255 for byte in range(256))
_NEVER = re.compile(b"(?!)")


class Masker:
    """The secrets of one job."""

    def __init__(self) -> None:
        self._patterns: set[bytes] = set()
        #: Those which begin with given bytes are found by bisection.
        self._in_order: list[bytes] = []
        #: By anchor: where it stands in patterns, and how long they are.
        self._places: dict[bytes, set[tuple[int, int]]] = {}
        self._anchors: re.Pattern[bytes] | None = None
        #: With what one may begin that has a line break in it, or any.
        self._firsts = (_NEVER, _NEVER)
        self._longest = 0

    @property
    def masks(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._patterns)

    def add(self, secret: str) -> bool:
        """Mask it from now on. False: it is shorter than MASK_BYTES_LEAST, so it will be seen."""
        found = disguises(secret)
        new = found - self._patterns
        if new:
            self._patterns |= new
            self._in_order = sorted(self._patterns)
            broken = (pattern for pattern in self._in_order if b"\n" in pattern)
            self._firsts = (_first_of(broken), _first_of(self._in_order))
            self._longest = max(self._longest, *map(len, new))
            for pattern in new:
                ranks = pattern[: 1 - _ANCHOR].translate(_RANKS)
                at = ranks.index(max(ranks))
                places = self._places.setdefault(pattern[at : at + _ANCHOR], set())
                places.add((at, len(pattern)))
            self._anchors = None
        return bool(found)

    def pipe(self) -> "MaskedPipe":
        return MaskedPipe(self)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand, from beginning to end, in order; they may overlap."""
        found = []
        search, start = self._expression().search, 0
        while anchor := search(data, start):
            start = anchor.start() + 1
            for at, length in self._places[anchor.group()]:
                begin = anchor.start() - at
                end = begin + length
                if begin >= 0 and end <= len(data) and data[begin:end] in self._patterns:
                    found.append((begin, end))
        return sorted(found)

    def known(self, data: bytes) -> int:
        """Bytes before the tail which may begin a secret."""
        tail = max(0, len(data) - self._longest + 1)
        # Output mostly ends with its line, which most secrets cannot go beyond.
        line = data.rfind(b"\n", tail) + 1
        broken, any_first = self._firsts
        places = chain(broken.finditer(data, tail, line), any_first.finditer(data, max(tail, line)))
        starts = (place.start() for place in places)
        return next((start for start in starts if self._may_begin(data[start:])), len(data))

    def _may_begin(self, tail: bytes) -> bool:
        # A pattern that is the tail itself stands before this place: it is known already.
        place = bisect_left(self._in_order, tail + b"\0")
        return place < len(self._in_order) and self._in_order[place].startswith(tail)

    def _expression(self) -> re.Pattern[bytes]:
        if self._anchors is None:
            self._anchors = re.compile(_any_of(sorted(self._places)))
            re.purge()  # the module's cache would keep parts of secrets
        return self._anchors


class MaskedPipe:
    """One flow of output."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._tail = b""
        #: So much of the tail is masked already; None: what went out last was no mask.
        self._masked: int | None = None

    @property
    def held(self) -> int:
        """Bytes that went in and have not come out."""
        return len(self._tail)

    def mask(self, data: bytes) -> bytes:
        """What is known of `data` and of what was held back; secrets that touch are one `***`."""
        if not self._masker.masks:
            return data
        data = self._tail + data
        return self._replace(data, self._masker.known(data))

    def rest(self) -> bytes:
        """What was held back, when nothing follows any more."""
        return self._replace(self._tail, len(self._tail)) if self._tail else b""

    def _replace(self, data: bytes, known: int) -> bytes:
        out, end = [], self._masked
        for begin, behind in self._masker.spans(data):
            if begin >= known:
                break
            if end is not None and begin <= end:
                end = max(end, behind)
            else:
                out += [data[end or 0 : begin], MASK]
                end = behind
        if end is None or end < known:
            out.append(data[end or 0 : known])
            end = None
        self._tail = data[known:]
        self._masked = None if end is None else end - known
        return b"".join(out)


def _first_of(patterns: Iterable[bytes]) -> re.Pattern[bytes]:
    firsts = {pattern[:1] for pattern in patterns}
    return re.compile(b"[" + b"".join(map(re.escape, firsts)) + b"]") if firsts else _NEVER


def _any_of(keys: list[bytes]) -> bytes:
    """An expression for any of these, which are sorted and of one length: what they have in common
    is compared once."""
    if not keys or not keys[0]:
        return b""
    branches: dict[bytes, list[bytes]] = {}
    for key in keys:
        branches.setdefault(key[:1], []).append(key[1:])
    parts = [re.escape(first) + _any_of(rests) for first, rests in branches.items()]
    return parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"
