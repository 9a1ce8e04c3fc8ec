"""Processes forked from the launcher, and what they must not keep of it."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress

#: Exit code of a child that ended by an exception.
CRASHED = 70


def fork(main: Callable[[], int], keep: Collection[int] = ()) -> int:
    """Run `main` in a child; its process number. The child has the standard descriptors, those to
    `keep` and no other, no signal handler of ours, and ends with the result of `main`."""
    # A signal between fork and reset would reach the parent's wakeup descriptor.
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live(main, {0, 1, 2, *keep}, blocked)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return pid


def _live(main: Callable[[], int], keep: set[int], blocked: set[signal.Signals | int]) -> None:
    code = CRASHED
    try:
        _forget_parent(keep)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        code = main()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else CRASHED
    except BaseException:
        with suppress(Exception):
            traceback.print_exc()
    finally:
        # Nothing may unwind into the parent's code.
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _forget_parent(keep: set[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with suppress(OSError):  # one of them listed the others
                os.close(int(name))
