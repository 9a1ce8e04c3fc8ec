"""A server for each test that wants one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.edge import Caller, Edge, Worker, edge, joining
from tests.support.server_process import farhand_server, free_port

from farhand_server.app import Tuning


@pytest.fixture
def tuning() -> Tuning:
    """To be overridden where a test is impatient."""
    return Tuning()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An initialised data directory that listens on a free port; nobody serves it yet."""
    path = tmp_path / "data"
    done = farhand_server(
        tmp_path, "init", "--data", str(path), "--listen", f"localhost:{free_port()}"
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def settings() -> dict[str, Any]:
    """To be overridden where a test wants other settings than the default."""
    return {}


@pytest.fixture
async def server(tmp_path: Path, tuning: Tuning, settings: dict[str, Any]) -> AsyncIterator[Edge]:
    async with edge(tmp_path, tuning, **settings) as running:
        yield running


@pytest.fixture
async def owner(server: Edge) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        yield caller


@pytest.fixture
async def worker(server: Edge, owner: Caller) -> AsyncIterator[Worker]:
    """Registered in group demo, not connected."""
    async with server.channel() as channel:
        machine = await joining(owner, channel, "w1")
        machine.call.cancel()
        yield machine


@pytest.fixture
async def other(server: Edge, owner: Caller, worker: Worker) -> AsyncIterator[Worker]:
    """A second machine of the group."""
    async with server.channel() as channel:
        machine = await joining(owner, channel, "w2")
        machine.call.cancel()
        yield machine
