"""A disk that can be full, for whoever must not mount one."""

import errno
import os
from collections.abc import Sequence


class FullDisk:
    """Stands in for os.writev: while it is full, a file grows within the blocks that it has."""

    def __init__(self) -> None:
        self.full = False

    def write(self, file: int, parts: Sequence[bytes]) -> int:
        status = os.fstat(file)
        room = 512 * status.st_blocks - status.st_size
        if self.full and sum(map(len, parts)) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.writev(file, parts)
