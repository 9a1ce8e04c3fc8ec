"""What a loss of power does to a host: no process is left, nor what memory held."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.runner_client import wait_for

from farhand_agent.host.home import Home
from farhand_agent.host.process import descendants, processes
from farhand_agent.host.sandbox import Sandbox


def lose_memory(sandbox: Sandbox) -> None:
    """The agent was killed; now its runners and jobs are. The sandbox stood on tmpfs: after this it
    is gone, and the attempts in it are of another boot, whatever the kernel says."""
    runners = [*_runners(sandbox)]
    doomed = [*runners, *(each.pid for each in descendants(runners, processes()))]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in doomed))
    shutil.rmtree(sandbox.root)


def _runners(sandbox: Sandbox) -> Iterator[int]:
    for address in sandbox.addresses():
        if (pid := Home.runner(address.socket.parent)) is not None:
            yield pid
