"""Secrets that sing wherever they are: each is looked for in every form that text takes."""

import json
import os
import secrets
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: Shorter needles would be found where none is.
_LEAST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One secret. `parts` are those of its bytes that are looked for: any of them gives it away."""

    name: str
    text: str
    parts: tuple[bytes, ...]

    @classmethod
    def new(cls, name: str) -> "Canary":
        """With a quotation mark, a backslash and what is not ASCII between its halves."""
        left, right = secrets.token_hex(8), secrets.token_hex(8)
        text = f'{left}"é\\{right}'
        return cls(name=name, text=text, parts=(left.encode(), right.encode(), text.encode()))


def forms(part: bytes) -> Iterator[bytes]:
    """As it is, in hexadecimal, in base64 wherever it stands in what was encoded, in JSON."""
    yield part
    digits = part.hex()
    yield from (digits.encode(), digits.upper().encode())
    for before in range(3):
        letters = b64encode(bytes(before) + part)[
            -(before * -8 // 6) : (before + len(part)) * 8 // 6
        ]
        yield letters
        yield letters.translate(bytes.maketrans(b"+/", b"-_"))
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()


class Hunter:
    """Looks for some canaries."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._needles = {
            form: canary.name
            for canary in canaries
            for part in canary.parts
            for form in forms(part)
        }
        assert min(map(len, self._needles)) >= _LEAST

    def names(self, data: bytes) -> set[str]:
        """Of those that are in it."""
        return {name for needle, name in self._needles.items() if needle in data}

    def in_files(self, *places: Path) -> dict[Path, set[str]]:
        """Every file below that gives one away, and which; names of files count, too."""
        found = {}
        for place in places:
            for path in (place, *place.rglob("*")):
                data = os.fsencode(path) + (path.read_bytes() if path.is_file() else b"")
                if names := self.names(data):
                    found[path] = names
        return found

    def in_processes(self) -> dict[str, set[str]]:
        """Arguments and environments, of every process of this machine that may be seen."""
        found = {}
        for entry in Path("/proc").iterdir():
            for kind in ("cmdline", "environ"):
                if entry.name.isdigit() and (names := self.names(_read(entry / kind))):
                    found[f"{entry.name}/{kind}"] = names
        return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
