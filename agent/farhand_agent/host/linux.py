"""What Linux offers a process about itself and Python does not: names and settings."""

import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Longest address of a UNIX socket, in bytes (unix(7)).
_SOCKET_BYTES = 107
_CREDENTIALS = struct.Struct("3i")
_FALLOC_FL_KEEP_SIZE = 1
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_FALLOCATE = getattr(_LIBC, "fallocate64", _LIBC.fallocate)


def boot_seconds() -> float:
    """Seconds since the machine was booted, suspended time included; never steps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """What differs after every boot of the machine."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def keep_blocks(file: int, size: int) -> None:
    """Give an empty file blocks for its first `size` bytes; it stays empty. Raises OSError: also
    where the file system cannot do that."""
    size_, nothing = ctypes.c_longlong(size), ctypes.c_longlong(0)
    if _FALLOCATE(file, _FALLOC_FL_KEEP_SIZE, nothing, size_) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def name_process(name: str) -> None:
    """What `ps` shows of this process; at most 15 characters."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """What bind and connect may call the socket at `path`. One that is too long for an address is
    gone around, by a descriptor of its folder. Raises OSError if there is no such folder."""
    if len(os.fsencode(path)) <= _SOCKET_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_user(connection: socket.socket) -> int:
    """Who is at the other end of a UNIX socket, as the kernel knows it."""
    size = _CREDENTIALS.size
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can get away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_inspection() -> None:
    """No core dump, and no process of the same user may read this one's memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(signal_number: int) -> None:
    """Be sent the signal when the parent ends. A change of user undoes it: call it afterwards."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def _prctl(option: int, value: int | ctypes.c_char_p) -> None:
    first = ctypes.c_ulong(value) if isinstance(value, int) else value
    nothing = ctypes.c_ulong(0)
    if _LIBC.prctl(option, first, nothing, nothing, nothing) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
