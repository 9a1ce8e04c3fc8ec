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
from dataclasses import dataclass
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
    """An operator at home in `root`."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("FARHAND_", "GRPC_"))}
    return plain | {"HOME": str(root), "FARHAND_CONFIG": str(root / "config.toml")}


def reach(data: Path, root: Path) -> Edge:
    """The server of this directory, as the operator's contexts file knows it."""
    context = tomllib.loads((root / "config.toml").read_text())["contexts"]["default"]
    return Edge(data=data, port=int(context["server"].split(":")[1]), token=context["token"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True, kw_only=True)
class ServerProcess:
    """A server that runs."""

    process: asyncio.subprocess.Process
    #: Events of its log, as far as they were read.
    events: list[dict[str, Any]]

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of this name; RuntimeError if the log ends before it."""
        assert self.process.stderr is not None
        async with asyncio.timeout(WAIT_SECONDS):
            while line := await self.process.stderr.readline():
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == name:
                    return self.events[-1]
        raise RuntimeError(f"no {name}; {self.events}")

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal; gives the exit status."""
        self.process.send_signal(number)
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def server_process(root: Path, data: Path, *arguments: str) -> AsyncIterator[ServerProcess]:
    """A server on an initialised data directory, ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "farhand_server", "run", "--data", str(data), *arguments),
        env=environment(root),
        stderr=asyncio.subprocess.PIPE,
    )
    server = ServerProcess(process=process, events=[])
    try:
        await server.event("ready")
        yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
