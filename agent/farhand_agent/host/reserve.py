"""Blocks of the disk that nobody else can take: the end of a job is written down even when the disk
is full."""

import os
from pathlib import Path

from farhand_agent.host.folder import remove_tree
from farhand_agent.host.linux import keep_blocks
from farhand_wire import limits

_FILE = "blocks"


class Reserve:
    """The reserve of this process: an empty file with blocks, in a folder of its own."""

    def __init__(self, path: Path, *, size: int = limits.SPOOL_RESERVE_BYTES) -> None:
        """Remove what a former process of the same number left there."""
        self._path = path
        self._size = size
        self._spent = True
        self.remove()
        self.renew()

    def renew(self) -> None:
        """Make it again if it was spent. On a disk that is full, or of a kind that cannot keep
        blocks, there is none."""
        if not self._spent:
            return
        try:
            self._path.mkdir(mode=0o700, exist_ok=True)
            file = os.open(self._path / _FILE, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                keep_blocks(file, self._size)
            finally:
                os.close(file)
            self._spent = False
        except OSError:
            self.remove()

    def spend(self, folder: Path, name: str) -> None:
        """Become the file `name` of a folder, which need not be there yet: a new one would need a
        block. Raises OSError; then it is spent nevertheless."""
        if self._spent:
            raise FileNotFoundError(self._path)
        self._spent = True
        try:
            os.rename(self._path, folder)
        except OSError:  # there is one, and something is in it
            os.rename(self._path / _FILE, folder / name)
        else:
            os.rename(folder / _FILE, folder / name)

    def remove(self) -> None:
        remove_tree(self._path)
