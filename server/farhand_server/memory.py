"""The memory of a server, where keys and secrets are in clear."""

import ctypes
import os
import sys

_PR_SET_DUMPABLE = 4


def forbid_inspection() -> None:
    """No core dump, and no process of the same user may read it. Linux alone can do that."""
    if sys.platform != "linux":
        return
    kernel = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    if kernel.prctl(_PR_SET_DUMPABLE, nothing, nothing, nothing, nothing) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
