"""A server for each test that wants one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.edge import Caller, Edge, Worker, edge

from farhand_server.app import Tuning
from farhand_wire.v1 import account_pb2


@pytest.fixture
def tuning() -> Tuning:
    """To be overridden where a test is impatient."""
    return Tuning()


@pytest.fixture
async def server(tmp_path: Path, tuning: Tuning) -> AsyncIterator[Edge]:
    async with edge(tmp_path, tuning) as running:
        yield running


@pytest.fixture
async def owner(server: Edge) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        yield caller


@pytest.fixture
async def worker(server: Edge, owner: Caller) -> AsyncIterator[Worker]:
    """Registered in group demo, not connected."""
    async with server.channel() as channel:
        machine = Worker(channel)
        request = account_pb2.CreateRegistrationTokenRequest(group="demo")
        token = (await owner.ask(owner.account.CreateRegistrationToken, request)).token
        await machine.join(token, "demo", "w1")
        machine.call.cancel()
        yield machine
