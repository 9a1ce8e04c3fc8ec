"""Streams that take their time to prove themselves, or to look."""

import time

import pytest
from grpc import aio
from tests.support.edge import Edge, Worker, refusal, refused_with

from farhand_server.app import Tuning
from farhand_server.rpc.listener import StreamLimits
from farhand_wire.v1 import worker_pb2

Frame = worker_pb2.AgentFrame
STRANGER = "0b0a7b0e-0000-4000-8000-000000000000"


@pytest.fixture
def tuning() -> Tuning:
    return Tuning(
        streams=StreamLimits(
            proof_seconds=0.5,
            probe_seconds=0.2,
            unproven=1,
            refused_joins=3,
            frames_per_second=1_000,
        )
    )


async def test_unproven_streams_are_capped(server: Edge) -> None:
    async with server.channel() as channel:
        waiting, late = Worker(channel), Worker(channel)
        waiting.open()
        await waiting.say(Frame(hello=waiting.hello(worker_id=STRANGER)))
        await waiting.hear("challenge")
        late.open()
        await late.say(Frame(hello=late.hello(worker_id=STRANGER)))

        refused = await refusal(late.call)

    assert refused.reason == "TOO_MANY_STREAMS"


@pytest.mark.parametrize("greets", [True, False])
async def test_a_stream_must_prove_itself_in_time(server: Edge, greets: bool) -> None:
    async with server.channel() as channel:
        slow = Worker(channel)
        slow.open()
        if greets:
            await slow.say(Frame(hello=slow.hello(worker_id=STRANGER)))

        refused = await refusal(slow.call)

    assert refused.message == "no Proof within 0.5 s"


async def test_a_probe_ends_by_itself(worker: Worker) -> None:
    await worker.greet(probe=True, session_number=0)

    goodbye = await worker.hear("goodbye")

    assert "a probe ends" in goodbye.reason
    assert await worker.next() is None


async def test_an_address_that_is_refused_too_often_has_to_wait(server: Edge) -> None:
    async with server.channel() as channel:
        reasons = [await guess(Worker(channel), f"fht_00000000_{number}") for number in range(4)]

    assert reasons == ["TOKEN_REFUSED"] * 3 + ["TOO_MANY_REFUSALS"]


async def guess(machine: Worker, token: str) -> str:
    """Tries to join with a token that is wrong; gives the reason of the refusal."""
    with pytest.raises(aio.AioRpcError) as caught:
        await machine.join(token, "demo", "w1")
    return refused_with(caught.value).reason


async def test_who_says_too_much_is_heard_more_slowly(worker: Worker) -> None:
    await worker.serve()
    beats = [Frame(heartbeat=worker_pb2.Heartbeat(sequence=1))] * 1_000
    began = time.monotonic()
    for _ in range(3):
        await worker.say(*beats)
    await worker.beat(2)
    while (await worker.until("heartbeat_ack")).sequence != 2:
        pass

    # 3,000 frames at 1,000 a second, of which 2,000 may come at once.
    assert time.monotonic() - began > 0.9
