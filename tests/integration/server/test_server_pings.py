"""Pings keep an idle stream, and do not end it: the options are ones that grpc really knows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.support.edge import Edge, Worker, refusal

from farhand_agent.link import channel as agent
from farhand_cli import api as operator
from farhand_server.app import Tuning
from farhand_server.rpc.server import Pings
from farhand_wire import limits
from farhand_wire.v1 import worker_pb2

#: What takes 10 s takes one here, in the same proportions. grpc sends no ping sooner.
HURRY = 10
EVERY_MS = limits.KEEPALIVE_MS // HURRY
#: A server that minds pings minds the third.
PINGS = 8
#: Of the real channels.
OPTIONS = {"agent": agent.OPTIONS, "operator": operator.OPTIONS}


@pytest.fixture
def least() -> int:
    """The shortest interval that the server accepts, in ms."""
    return limits.MIN_PING_MS // HURRY


@pytest.fixture
def tuning(least: int) -> Tuning:
    return Tuning(pings=Pings(every=EVERY_MS, timeout=limits.KEEPALIVE_TIMEOUT_MS, least=least))


@contextlib.asynccontextmanager
async def idle(
    server: Edge, worker: Worker, options: Sequence[tuple[str, Any]]
) -> AsyncIterator[Worker]:
    """A worker whose connection pings all the time, with nothing to say."""
    hurried = {**dict(options), "grpc.keepalive_time_ms": EVERY_MS}
    async with server.channel(options=tuple(hurried.items())) as channel:
        twin = Worker(channel)
        twin.key, twin.worker_id = worker.key, worker.worker_id
        await twin.greet(probe=True)
        yield twin


async def ends(twin: Worker) -> str:
    """How its stream ends when it says goodbye after all these pings."""
    reading = asyncio.ensure_future(twin.call.read())
    done, _ = await asyncio.wait([reading], timeout=PINGS * EVERY_MS / 1000)
    assert not done
    await twin.say(worker_pb2.AgentFrame(goodbye=worker_pb2.Goodbye(reason="done")))
    await reading
    return str((await twin.call.code()).name)


async def test_ping_policy_no_enhance_your_calm(server: Edge, worker: Worker) -> None:
    """An idle stream outlives many pings from either side."""
    async with (
        idle(server, worker, OPTIONS["agent"]) as one,
        idle(server, worker, OPTIONS["operator"]) as other,
    ):
        assert set(await asyncio.gather(ends(one), ends(other))) == {"OK"}


@pytest.mark.parametrize("least", [60_000])
async def test_who_pings_more_often_than_allowed_is_cut_off(
    server: Edge, worker: Worker, least: int
) -> None:
    async with idle(server, worker, OPTIONS["agent"]) as twin:
        refused = await refusal(twin.call)

    assert refused.code.name == "UNAVAILABLE"
    assert "pings" in refused.message.lower()
