"""An idle stream outlives its pings: the server's setting is one that grpc really knows."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.edge import Edge, Worker, refusal

from farhand_server.app import Tuning
from farhand_server.rpc.server import Pings
from farhand_wire.v1 import worker_pb2

#: An agent in a hurry.
EVERY_MS = 100
OPTIONS = (
    ("grpc.keepalive_time_ms", EVERY_MS),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


@pytest.fixture
def least() -> int:
    return EVERY_MS // 2


@pytest.fixture
def tuning(least: int) -> Tuning:
    return Tuning(pings=Pings(every=60_000, timeout=5_000, least=least))


@pytest.fixture
async def idle(server: Edge, worker: Worker) -> AsyncIterator[Worker]:
    """A worker whose connection pings all the time, with nothing to say."""
    async with server.channel(options=OPTIONS) as channel:
        twin = Worker(channel)
        twin.key, twin.worker_id = worker.key, worker.worker_id
        twin.session_number = worker.session_number
        await twin.serve()
        yield twin


async def test_an_idle_stream_outlives_twenty_pings(idle: Worker) -> None:
    reading = asyncio.ensure_future(idle.call.read())
    done, _ = await asyncio.wait([reading], timeout=20 * EVERY_MS / 1000)
    await idle.say(worker_pb2.AgentFrame(goodbye=worker_pb2.Goodbye(reason="done")))
    await reading

    assert not done
    assert (await idle.call.code()).name == "OK"


@pytest.mark.parametrize("least", [60_000])
async def test_who_pings_more_often_than_allowed_is_cut_off(idle: Worker, least: int) -> None:
    refused = await refusal(idle.call)

    assert refused.code.name == "UNAVAILABLE"
    assert "pings" in refused.message.lower()
