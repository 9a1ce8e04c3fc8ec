"""What counts as the server having got on with this worker's output."""

from farhand_agent.link.advance import Advance
from farhand_wire.v1 import worker_pb2

JOB = "0b0a7b0e-0000-4000-8000-000000000001"


def hear(advance: Advance, **frame: object) -> None:
    (kind,) = frame
    advance.heard(kind, worker_pb2.ServerFrame(**frame))  # type: ignore[arg-type]


def welcome(advance: Advance, *stored: int) -> None:
    message = worker_pb2.Welcome()
    for number, offset in enumerate(stored):
        verdict = message.verdicts.add(job_id=JOB, attempt=number + 1)
        order = getattr(verdict, "continue")
        order.SetInParent()
        order.stored = offset
    hear(advance, welcome=message)


def acknowledge(advance: Advance, stored: int, *, attempt: int = 1) -> None:
    ack = worker_pb2.OutputAck(job_id=JOB, attempt=attempt, stored=stored)
    hear(advance, output_ack=ack)


def test_an_acknowledgement_is_an_advance_and_the_same_again_is_none() -> None:
    advance = Advance()
    acknowledge(advance, 100)
    assert advance.take()

    acknowledge(advance, 100)
    assert not advance.take()
    acknowledge(advance, 101)
    assert advance.take()


def test_what_a_lost_stream_brought_shows_in_the_next_welcome() -> None:
    advance = Advance()
    welcome(advance, 0)
    assert not advance.take()

    welcome(advance, 700_000)
    assert advance.take()


def test_a_server_that_stores_nothing_more_does_not_advance() -> None:
    advance = Advance()
    acknowledge(advance, 100)
    advance.take()
    for _ in range(3):
        welcome(advance, 100)
        assert not advance.take()


def test_the_end_of_an_attempt_is_an_advance() -> None:
    advance = Advance()
    hear(advance, result_ack=worker_pb2.ResultAck(job_id=JOB, attempt=1))

    assert advance.take()


def test_heartbeats_offers_and_grants_are_none() -> None:
    advance = Advance()
    hear(advance, heartbeat_ack=worker_pb2.HeartbeatAck(sequence=1))
    hear(advance, offer=worker_pb2.Offer(offer_id="o"))
    hear(advance, grant=worker_pb2.Grant(job_id=JOB))

    assert not advance.take()
