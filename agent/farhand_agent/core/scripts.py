"""Scripts by their digest, so that a runbook travels once and not with every job."""

from collections import OrderedDict

ENTRIES = 64
BYTES = 32 * 1024 * 1024


class Scripts:
    """The scripts used last, `entries` and `size` bytes at most."""

    def __init__(self, *, entries: int = ENTRIES, size: int = BYTES) -> None:
        self._scripts: OrderedDict[str, bytes] = OrderedDict()
        self._entries = entries
        self._room = size

    def __contains__(self, digest: str) -> bool:
        return digest in self._scripts

    def get(self, digest: str) -> bytes | None:
        """The script, which counts as used now."""
        if digest in self._scripts:
            self._scripts.move_to_end(digest)
        return self._scripts.get(digest)

    def keep(self, digest: str, script: bytes) -> None:
        """Remembers a script whose digest was verified; forgets the ones used longest ago."""
        if digest in self._scripts:
            self._room += len(self._scripts.pop(digest))
        self._scripts[digest] = script
        self._room -= len(script)
        while len(self._scripts) > self._entries or self._room < 0:
            self._room += len(self._scripts.popitem(last=False)[1])
