"""A server on a loopback port, a home directory, and agents that are gone afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.agent_process import Outcome, RunningAgent, command, environment
from tests.support.authority import Authority, authority
from tests.support.leftovers import end_jobs
from tests.support.worker_server import WorkerServer

from farhand_agent.host.ground import root_half, sandbox_root
from farhand_agent.host.sandbox import Sandbox


@pytest.fixture(scope="session")
def loopback_authority() -> Authority:
    return authority("localhost", "127.0.0.1")


@pytest.fixture
async def server(loopback_authority: Authority) -> AsyncIterator[WorkerServer]:
    async with WorkerServer(authority=loopback_authority) as server:
        yield server


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "agent"


@pytest.fixture
def ca(tmp_path: Path, loopback_authority: Authority) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(loopback_authority.ca)
    return path


@pytest.fixture
def register(
    tmp_path: Path, state: Path, ca: Path, server: WorkerServer
) -> Callable[..., Awaitable[Outcome]]:
    async def run(*more: str, **environ: str) -> Outcome:
        argv = ["register", "--state", str(state), "--group", "dc1", "--worker-name", "app01"]
        argv += ["--endpoint", server.endpoint, "--token", "fht_t"]
        if "--ca-sha256" not in more and "--ca" not in more:
            argv += ["--ca", str(ca)]
        return await command(tmp_path, *argv, *more, **environ)

    return run


@pytest.fixture
async def start(
    tmp_path: Path, state: Path
) -> AsyncIterator[Callable[..., Awaitable[RunningAgent]]]:
    running: list[RunningAgent] = []

    async def run(*argv: str, **environ: str) -> RunningAgent:
        running.append(await RunningAgent.start(tmp_path, state, *argv, **environ))
        return running[-1]

    yield run
    for agent in running:
        await agent.close()
    root = sandbox_root(state, environ=environment(tmp_path))
    await asyncio.to_thread(end_jobs, Sandbox(root=root, state=root_half(state)))
