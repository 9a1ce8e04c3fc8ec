"""What a loss of power does to a host with an agent: no process is left, nor what memory held."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.agent_process import RunningAgent, until

from farhand_agent.host.home import Home
from farhand_agent.host.process import descendants, processes
from farhand_agent.host.sandbox import Sandbox


async def lose_power(agent: RunningAgent, sandbox: Sandbox) -> None:
    """The sandbox stood on tmpfs: after this it is gone, and the attempts in it are of another
    boot, whatever the kernel says."""
    runners = [*_runners(sandbox)]
    await agent.stop(signal.SIGKILL)
    doomed = [*runners, *(each.pid for each in descendants(runners, processes()))]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in doomed))
    shutil.rmtree(sandbox.root)


def _runners(sandbox: Sandbox) -> Iterator[int]:
    for address in sandbox.addresses():
        if (pid := Home.runner(address.socket.parent)) is not None:
            yield pid
