"""Jobs outlive their agents, on purpose; a test that is over wants none of them."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.support.runner_client import RunnerClient, wait_for

from farhand_agent.host.sandbox import Sandbox
from farhand_agent.host.wire import Kind


def end_jobs(sandbox: Sandbox) -> None:
    """Kill every job of a host, and wait until nothing is known of it there."""
    for attempt in list(sandbox.attempts()):
        path = sandbox.attempt_path(attempt)
        with suppress(OSError, AssertionError):
            client = RunnerClient(path / "sock")
            client.send(Kind.STOP, grace_ms=0)
            client.done()
            client.close()
            wait_for(partial(_is_gone, path))


def _is_gone(path: Path) -> bool:
    return not path.exists()
