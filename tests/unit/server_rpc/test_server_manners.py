"""Streams that say too much, read too little, or guess."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stored_output import StoredOutput
from tests.support.world.clock import WorldClock

from farhand_server.engine import Mailbox
from farhand_server.errors import ProtocolViolation, TooManyRefusals, Unauthenticated
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId, WorkerId
from farhand_server.rpc.bucket import Bucket
from farhand_server.rpc.joins import Joins
from farhand_server.rpc.proof import SessionTokens
from farhand_server.rpc.session import UNREAD_FRAMES, Session, Stream
from farhand_wire import limits
from farhand_wire.v1 import worker_pb2

WORKER = WorkerId("0b0a7b0e-0000-4000-8000-000000000000")


@pytest.fixture
def clock() -> WorldClock:
    return WorldClock()


@pytest.fixture
def stream(tmp_path: Path, clock: WorldClock) -> Iterator[Stream]:
    output = StoredOutput(tmp_path)
    yield Stream(
        id=SessionId("s"),
        address="10.0.0.7",
        box=Mailbox(),
        backend=output.backend,
        tokens=SessionTokens(clock=clock, chance=os.urandom),
        joins=Joins(clock=clock, most=3),
        deployment="d",
    )
    output.close()


def test_a_debt_is_paid_back_as_time_goes_by() -> None:
    bucket = Bucket(per_second=2.0)

    assert bucket.add(10, now=100.0) == 10
    assert bucket.owes(103.0) == 4
    assert bucket.add(1, now=104.0) == 3
    assert bucket.owes(200.0) == 0


def test_refusals_at_one_address_do_not_slow_another(clock: WorldClock) -> None:
    joins = Joins(clock=clock, most=3)
    for _ in range(3):
        joins.check("10.0.0.7")
        joins.refused("10.0.0.7")

    joins.check("10.0.0.8")
    with pytest.raises(TooManyRefusals) as caught:
        joins.check("10.0.0.7")
    assert "try again in 1 s" in caught.value.do
    clock.ms += 1_000
    joins.check("10.0.0.7")


async def test_a_worker_that_reads_nothing_is_cut_off(stream: Stream) -> None:
    session = Session(stream, WORKER)
    session.welcomed()
    for _ in range(UNREAD_FRAMES + 1):
        stream.box.put(frames.HeartbeatAck(sequence=1, server_time_ms=0))

    with pytest.raises(ProtocolViolation, match="wait to be read"):
        await session.hear("heartbeat", worker_pb2.Heartbeat(sequence=2))


def test_a_session_token_ends_after_ten_minutes(clock: WorldClock) -> None:
    tokens = SessionTokens(clock=clock, chance=os.urandom)
    token = tokens.issue(WORKER)
    clock.ms += int(limits.SESSION_TOKEN_SECONDS * 1000) - 1
    tokens.check(token, WORKER)
    clock.ms += 1

    with pytest.raises(Unauthenticated, match="not valid"):
        tokens.check(token, WORKER)


def test_only_so_many_session_tokens_are_kept(clock: WorldClock) -> None:
    tokens = SessionTokens(clock=clock, chance=os.urandom)
    first = tokens.issue(WORKER)
    for _ in range(SessionTokens.MOST):
        last = tokens.issue(WORKER)

    tokens.check(last, WORKER)
    with pytest.raises(Unauthenticated):
        tokens.check(first, WORKER)
