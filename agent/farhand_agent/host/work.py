"""The working directory of a script: on disk, made before the script comes (making one costs 0.3 ms
there), and used again only if nothing was left in it."""

import os
from contextlib import suppress
from pathlib import Path

from farhand_agent.host.folder import remove_tree


class Work:
    """The working directory of this process."""

    def __init__(self, path: Path) -> None:
        """Remove what a former process of the same number left there."""
        self._path = path
        self.remove()
        self._make()

    def renew(self) -> None:
        """Empty again, or made anew."""
        with suppress(OSError):
            if not os.listdir(self._path) and os.lstat(self._path).st_mode & 0o777 == 0o700:
                return
        self.remove()
        self._make()

    @property
    def path(self) -> Path:
        return self._path

    def give(self, uid: int, gid: int) -> None:
        """Let it be that user's. It is never used again after that. Raises OSError."""
        os.chown(self._path, uid, gid, follow_symlinks=False)

    def remove(self) -> None:
        os.chdir("/")
        remove_tree(self._path)

    def _make(self) -> None:
        self._path.mkdir(mode=0o700)
        os.chdir(self._path)
