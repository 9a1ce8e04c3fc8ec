"""What still runs of an attempt whose runner is gone: the script, whoever has its environment, and
all below these. A number alone proves nothing: it may have been given to somebody else since."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from farhand_agent.host.process import LINUX, Kernel, Process, descendants, send
from farhand_agent.host.sandbox import AttemptId

_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """Number and start of the script's process, as its runner wrote them down; zeros if it did
    not."""

    attempt: AttemptId
    pid: int
    started: int

    def end(
        self,
        seconds: float,
        *,
        kernel: Kernel = LINUX,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Kill them until none is left, for so long at most."""
        for _ in range(round(seconds / _AGAIN_SECONDS)):
            left = self._living(kernel)
            if not left:
                return
            send(signal.SIGKILL, left, kernel)
            pause(_AGAIN_SECONDS)

    def _living(self, kernel: Kernel) -> list[Process]:
        agent = {os.getpid(), os.getppid()}
        # A look takes its time: who ends meanwhile may leave a number to a parent of strangers. So
        # only those count, as parents and as children, who were there before, too.
        before = {each.pid: each.started for each in kernel.processes()}
        living = [
            each
            for each in kernel.processes()
            if each.lives and each.pid not in agent and before.get(each.pid) == each.started
        ]
        roots = {each.pid: each for each in living if self._is_root(each, kernel)}
        below = {each.pid: each for each in descendants(roots, living)}
        return list({**roots, **below}.values())

    def _is_root(self, found: Process, kernel: Kernel) -> bool:
        if (found.pid, found.started) == (self.pid, self.started):
            return True
        variables = kernel.variables(found.pid)
        job_id, number = self.attempt.job_id, self.attempt.attempt
        names = (f"FARHAND_JOB_ID={job_id}", f"FARHAND_ATTEMPT={number}")
        if not all(name.encode() in variables for name in names):
            return False
        now = kernel.process(found.pid)
        return now is not None and now.started == found.started
