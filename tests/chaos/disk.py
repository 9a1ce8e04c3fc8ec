"""A small file system of its own, so that it can be full. Only root may make one."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_STEP = 1024 * 1024


class SmallDisk:
    """A directory that holds so much and no more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Takes every byte that is left."""
        with self._filler.open("wb", buffering=0) as filler:
            size = _STEP
            while size:
                try:
                    filler.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    # What is left is less than that.
                    size //= 2

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(path: Path, *, megabytes: int) -> Iterator[SmallDisk | None]:
    """None where it cannot be made: then `path` is an ordinary directory."""
    path.mkdir()
    if not _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "chaos", path):
        yield None
        return
    try:
        yield SmallDisk(path)
    finally:
        # Whoever still stands in it must not keep it.
        if not _run("umount", path):
            _run("umount", "-l", path)


def _run(*words: str | Path) -> bool:
    if os.geteuid() != 0:
        return False
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
