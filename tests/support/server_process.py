"""`farhand-server` as a process of its own, as an operator starts it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.support.edge import Edge

WAIT_SECONDS = 20.0


def farhand_server(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "farhand_server", *arguments],
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )


def environment(root: Path) -> dict[str, str]:
    """An operator at home in `root`, whose servers have no worker of their own."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("FARHAND_", "GRPC_"))}
    return plain | {
        "HOME": str(root),
        "FARHAND_CONFIG": str(root / "config.toml"),
        "FARHAND_SERVER_NO_CLOUD": "yes",
    }


def reach(data: Path, root: Path) -> Edge:
    """The server of this directory, as the operator's contexts file knows it."""
    context = tomllib.loads((root / "config.toml").read_text())["contexts"]["default"]
    return Edge(data=data, port=int(context["server"].split(":")[1]), token=context["token"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server that runs; its log is read all the time, so that it never waits for us."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._looked = 0
        self._news = asyncio.Event()
        self._over = False
        self._reading = asyncio.create_task(self._read())

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of this name; RuntimeError if the log ends before it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                self._news.clear()
                over = self._over
                for event in self.events[self._looked :]:
                    self._looked += 1
                    if event["event"] == name:
                        return event
                if over:
                    raise RuntimeError(f"no {name}; {self.events}")
                await self._news.wait()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal; gives the exit status."""
        self.process.send_signal(number)
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.process.wait()

    async def close(self) -> None:
        """Ends it, if nobody has."""
        if self.process.returncode is None:
            await self.stop(signal.SIGKILL)
        await self._reading

    async def _read(self) -> None:
        assert self.process.stderr is not None
        try:
            while line := await self.process.stderr.readline():
                self.events.append(json.loads(line))
                self._news.set()
        finally:
            self._over = True
            self._news.set()


@contextlib.asynccontextmanager
async def server_process(root: Path, data: Path, *arguments: str) -> AsyncIterator[ServerProcess]:
    """A server on an initialised data directory, ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "farhand_server", "run", "--data", str(data), *arguments),
        env=environment(root),
        stderr=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    server = ServerProcess(process)
    try:
        await server.event("ready")
        yield server
    finally:
        await server.close()
