"""Which stream a line of standard output belongs to, by Azure's prefixes: `WARNING: …`, and so on.

Nothing is changed or dropped: what goes in comes out, in runs of one stream. A prefix counts at the
beginning of a line, in capitals, in small letters, or capitalised; the line it begins goes to its
stream, prefix and all.
"""

import re

from farhand_wire.spool import Kind

_WORDS = {
    "debug": Kind.DEBUG,
    "error": Kind.ERROR,
    "verbose": Kind.VERBOSE,
    "warning": Kind.WARNING,
}
_PREFIXES = {
    f"{spelled}:".encode(): kind
    for word, kind in _WORDS.items()
    for spelled in (word, word.upper(), word.capitalize())
}
_ANY = b"|".join(map(re.escape, _PREFIXES))
_AT_START = re.compile(_ANY)
_BEHIND_BREAK = re.compile(b"\n(?:" + _ANY + b")")
#: What may become a prefix yet.
_BEGINNINGS = frozenset(word[:length] for word in _PREFIXES for length in range(1, len(word)))
#: Bytes that may be held back.
HELD_MOST = max(map(len, _PREFIXES)) - 1


class Sorter:
    """Of one pipe."""

    def __init__(self) -> None:
        #: That of the line which has begun; None: none has.
        self._line: Kind | None = None
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes that went in and have not come out: they may begin a prefix."""
        return len(self._held)

    def sort(self, data: bytes) -> list[tuple[Kind, bytes]]:
        """What is known of `data` and of what was held back, in order."""
        if self._held:
            data, self._held = self._held + data, b""
        data = self._hold(data)
        if not data:
            return []
        if self._line in (None, Kind.OUTPUT) and not self._holds_prefix(data):
            self._line = None if data.endswith(b"\n") else Kind.OUTPUT
            return [(Kind.OUTPUT, data)]
        return self._split(data)

    def rest(self) -> list[tuple[Kind, bytes]]:
        """What was held back, when nothing follows any more."""
        data, self._held = self._held, b""
        return [(Kind.OUTPUT, data)] if data else []

    def _hold(self, data: bytes) -> bytes:
        """All but what may become a prefix."""
        begun = data.rfind(b"\n", -HELD_MOST - 1) + 1
        if begun == 0 and (self._line is not None or len(data) > HELD_MOST):
            return data
        if data[begun:] in _BEGINNINGS:
            self._held = data[begun:]
            return data[:begun]
        return data

    def _holds_prefix(self, data: bytes) -> bool:
        if b":" not in data:
            return False
        at_start = self._line is None and _AT_START.match(data)
        return bool(at_start or _BEHIND_BREAK.search(data))

    def _split(self, data: bytes) -> list[tuple[Kind, bytes]]:
        runs: list[tuple[Kind, bytes]] = []
        start = 0
        while start < len(data):
            kind = self._line or self._kind_at(data, start)
            end = self._end(kind, data, start)
            if runs and runs[-1][0] is kind:
                runs[-1] = kind, runs[-1][1] + data[start:end]
            else:
                runs.append((kind, data[start:end]))
            self._line = None if data[end - 1 : end] == b"\n" else kind
            start = end
        return runs

    def _kind_at(self, data: bytes, start: int) -> Kind:
        found = _AT_START.match(data, start)
        return _PREFIXES[found.group()] if found else Kind.OUTPUT

    def _end(self, kind: Kind, data: bytes, start: int) -> int:
        """Where something else may begin: behind this line, or at the next line with a prefix."""
        if kind is Kind.OUTPUT:
            found = _BEHIND_BREAK.search(data, start)
            return found.start() + 1 if found else len(data)
        end = data.find(b"\n", start)
        return len(data) if end < 0 else end + 1


class Plain:
    """Of a pipe whose lines all belong to one stream."""

    held = 0

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def sort(self, data: bytes) -> list[tuple[Kind, bytes]]:
        return [(self._kind, data)]

    def rest(self) -> list[tuple[Kind, bytes]]:
        return []
