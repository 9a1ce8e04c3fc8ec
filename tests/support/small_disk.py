"""A disk that a test can fill: a tmpfs where one can be mounted, else files that cannot grow."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

#: The logs of both databases grow to 48 MB before they are worked off.
SIZE_MB = 160


class SmallDisk(Protocol):
    """`path` lies on it."""

    path: Path
    #: Whether its room can be looked at.
    shows_room: bool

    def fill(self, server: int) -> None:
        """To the last byte, as process `server` sees it."""
        ...

    def free(self, server: int) -> None: ...


@contextlib.contextmanager
def small_disk(path: Path, size_mb: int = SIZE_MB) -> Iterator[SmallDisk]:
    """An empty disk at `path`."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield LimitedFiles(path)
        return
    try:
        yield Tmpfs(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


class Tmpfs:
    """Filled by a file of ours."""

    shows_room = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, server: int) -> None:
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(65536)):
                pass

    def free(self, server: int) -> None:
        self._filler.unlink()


class LimitedFiles:
    """No file of the server grows beyond the largest that there is."""

    shows_room = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, server: int) -> None:
        files = [Path(folder, name) for folder, _, names in os.walk(self.path) for name in names]
        most = max(file.stat().st_size for file in files)
        resource.prlimit(server, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def free(self, server: int) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server, resource.RLIMIT_FSIZE, unlimited)
