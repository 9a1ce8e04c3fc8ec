"""`python -m tests.support.crashing_agent STATE SANDBOX`: the root half of an agent, one process of
which dies at one of its calls that change files or start something (see crash_points.py).

The parts are: `launcher`, from its start; `birth` of a runner; `life` of one attempt, from its
START; `remains` of an attempt whose runner was lost; `sweep`, the removal of what the dead left.
A launcher that dies is started again at once.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from tests.support.crash_points import CrashPoints

from farhand_agent.host import linux
from farhand_wire import limits

#: What whoever keeps the launcher alive waits for.
_SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


def main(arguments: list[str]) -> int:
    points = CrashPoints(Path(arguments[0]))
    points.watch()
    # Every entry begins a file, so that little output makes all files that much would.
    limits.SPOOL_SEGMENT_BYTES = 1
    points.count(linux, "keep_blocks")
    from tests.support import host_agent

    from farhand_agent.host.lock import StateInUse

    _divide(points)

    def launcher() -> int:
        points.begin("launcher")
        try:
            return host_agent.main(Path(arguments[0]), Path(arguments[1]), *arguments[2:])
        except StateInUse:  # for a moment, by a child of the one before
            return os.EX_TEMPFAIL

    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    while (status := _live(launcher)) in (-signal.SIGKILL, os.EX_TEMPFAIL):
        pass
    return status


def _divide(points: CrashPoints) -> None:
    from farhand_agent.host import backoff, launcher, runner, serve, spares

    # Whoever dies at every step is no reason to wait.
    (backoff.Backoff.__init__.__kwdefaults__ or {}).update(first=0.01, most=0.05)

    def counted(part: str, serve: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(serve)
        def begin(*values: Any) -> Any:
            points.begin(part)
            return serve(*values)

        return begin

    spares.serve_jobs = counted("birth", serve.serve_jobs)  # type: ignore[attr-defined]
    launcher.serve_remains = counted(  # type: ignore[attr-defined]
        "remains", serve.serve_remains
    )
    launcher._remove = counted("sweep", launcher._remove)
    points.count(runner.Runner, "_tell_launcher")
    runner.Runner._start = counted("life", runner.Runner._start)  # type: ignore[method-assign]


def _live(launcher: Callable[[], int]) -> int:
    """In a process of its own; how it ended."""
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os._exit(launcher())
    told_to_end = False
    while True:
        if signal.sigwait(_SIGNALS) == signal.SIGTERM:
            told_to_end = True
            os.kill(pid, signal.SIGTERM)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return 0 if told_to_end else os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
