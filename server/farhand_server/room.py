"""How much room a disk has, and how little is too little."""

import os
from dataclasses import dataclass
from pathlib import Path

from farhand_wire import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Of one file system, in bytes."""

    free: int
    total: int

    @property
    def needed(self) -> int:
        """Less than this is too little to give jobs away."""
        return min(limits.DISK_FREE_BYTES, int(self.total * limits.DISK_FREE_SHARE))

    @property
    def is_low(self) -> bool:
        return self.free < self.needed

    @property
    def is_ample(self) -> bool:
        """More than just enough: what stopped for want of room may go on."""
        return self.free >= self.needed * 5 // 4


def room(path: Path) -> Room:
    """Of the file system that holds `path`, as far as an ordinary user may fill it."""
    seen = os.statvfs(path)
    return Room(free=seen.f_bavail * seen.f_frsize, total=seen.f_blocks * seen.f_frsize)
