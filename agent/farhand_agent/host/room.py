"""The room that jobs need on the disks of a host, and the room that they may take."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from farhand_agent.host.sandbox import Sandbox
from farhand_wire import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A file system, in bytes; `free` for a process without privileges."""

    size: int
    free: int


def disk_of(path: Path) -> Disk:
    """The file system that holds `path`. Raises OSError."""
    status = os.statvfs(path)
    return Disk(size=status.f_blocks * status.f_frsize, free=status.f_bavail * status.f_frsize)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The disks below one agent. `probe` looks at the file system of a folder."""

    sandbox: Sandbox
    probe: Callable[[Path], Disk] = disk_of

    def lack(self) -> str:
        """Why no job may be begun now; empty if one may."""
        for folder in (self.sandbox.state, self.sandbox.root):
            disk = self.probe(folder)
            needed = min(limits.JOB_FREE_BYTES, disk.size // 4)
            if disk.free < needed:
                return (
                    f"{folder} has {_megabytes(disk.free)} MB free, "
                    f"and a job is begun with {_megabytes(needed)} MB at least"
                )
        return ""

    def is_used_up(self) -> bool:
        """Whether the output that waits on the disk, of all jobs together, is as much as it may be:
        then jobs wait in their writes."""
        share = int(self.probe(self.sandbox.spools).size * limits.AGENT_SPOOL_SHARE)
        return sum(_sizes(self.sandbox.spools)) >= min(limits.AGENT_SPOOL_BYTES, share)


def _sizes(folder: Path) -> Iterator[int]:
    """Of every file in the folders of a folder."""
    for attempt in os.scandir(folder):
        with suppress(OSError):  # it goes at this moment
            for file in os.scandir(attempt):
                with suppress(OSError):
                    yield file.stat().st_size


def _megabytes(size: int) -> int:
    return size // (1024 * 1024)
