"""The desk: who may send output, and what is acknowledged to whom."""

import pytest
from tests.support.desk_bench import MINE, OTHER, SPOOL, DeskBench, ack, resend
from tests.support.samples import worker_id

from farhand_server.core import output as rules
from farhand_server.engine.desk import CLOSED, UNSTORED_BYTES
from farhand_server.engine.mailbox import Mailbox
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.writer import Append, Seal
from farhand_server.errors import ProtocolViolation
from farhand_server.model import frames
from farhand_server.model.output import Extent, SpoolId


@pytest.fixture
def bench() -> DeskBench:
    bench = DeskBench()
    bench.desk.open(MINE, SPOOL, Extent())
    return bench


def test_output_goes_to_the_writer_in_its_order(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.output(b"de", offset=3)
    bench.result(5)

    kinds = [(type(item), getattr(item, "offset", None)) for item in bench.writer.items]
    assert kinds == [(Append, 0), (Append, 3), (Seal, None)]


@pytest.mark.parametrize("how", ["never opened", "opened for another", "left"])
def test_output_of_an_attempt_that_is_not_the_sessions_is_refused(how: str) -> None:
    bench = DeskBench()
    if how == "opened for another":
        bench.desk.open(OTHER, SPOOL, Extent())
    elif how == "left":
        bench.desk.open(MINE, SPOOL, Extent())
        bench.desk.leave(MINE)

    with pytest.raises(ProtocolViolation, match="not this worker's"):
        bench.output(b"abc")
    with pytest.raises(ProtocolViolation, match="not this worker's"):
        bench.result(0)
    assert not bench.writer.items


def test_what_was_on_its_way_of_an_attempt_that_is_over_does_no_harm(bench: DeskBench) -> None:
    bench.desk.close(SPOOL, MINE)
    bench.output(b"abc")
    bench.result(3)

    assert not bench.writer.items
    assert bench.said() == []
    assert bench.blamed() == {rules.OVER: 2}
    with pytest.raises(ProtocolViolation, match="not this worker's"):
        bench.output(b"abc", session=OTHER)


def test_attempts_that_are_over_are_forgotten_some_time(bench: DeskBench) -> None:
    for attempt in range(2, CLOSED + 3):
        spool = SpoolId(job=SPOOL.job, attempt=attempt)
        bench.desk.open(MINE, spool, Extent())
        bench.desk.close(spool)
    bench.desk.close(SPOOL)
    bench.output(b"abc")
    late = frames.Output(job=SPOOL.job, attempt=2, offset=0, data=b"abc")

    with pytest.raises(ProtocolViolation, match="not this worker's"):
        bench.desk.output(MINE, late)


def test_another_session_cannot_close_it(bench: DeskBench) -> None:
    bench.desk.close(SPOOL, OTHER)
    bench.desk.leave(OTHER)
    bench.output(b"abc")

    assert bench.writer.items


def test_bytes_that_came_before_are_compared_and_move_nothing(bench: DeskBench) -> None:
    bench.output(b"abcdef")
    bench.output(b"abc")
    bench.result(6)

    kinds = [type(item) for item in bench.writer.items]
    assert kinds == [Append, Append, Seal]


def test_a_gap_is_asked_for_once(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.output(b"z", offset=7)
    bench.output(b"z", offset=8)

    assert bench.said() == [resend(3)]
    assert len(bench.writer.items) == 1
    assert bench.blamed() == {rules.GAP: 1}


def test_a_gap_after_the_one_that_was_filled_is_asked_for_again(bench: DeskBench) -> None:
    bench.output(b"z", offset=7)
    bench.output(b"abc")
    bench.output(b"z", offset=7)

    assert bench.said() == [resend(0), resend(3)]
    assert bench.blamed() == {rules.GAP: 2}


def test_a_result_before_all_of_its_output_is_asked_for_again(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.result(9)

    assert bench.said() == [resend(3)]
    assert not [item for item in bench.writer.items if isinstance(item, Seal)]
    assert bench.blamed() == {rules.TOO_LONG: 1}


def test_stored_and_durable_are_acknowledged(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.stored(3)
    bench.desk.durable([(SPOOL, Extent(stored=3, durable=3))])

    assert bench.said() == [ack(3), ack(3, 3)]


def test_small_news_wait_for_the_sync() -> None:
    bench = DeskBench(acknowledge_bytes=4)
    bench.desk.open(MINE, SPOOL, Extent())
    bench.output(b"abc")
    bench.stored(3)
    assert bench.said() == []

    bench.output(b"de", offset=3)
    bench.stored(5)
    assert bench.said() == [ack(5)]


def test_bytes_that_were_stored_already_do_not_wait_for_a_sync() -> None:
    bench = DeskBench(acknowledge_bytes=100)
    bench.desk.open(MINE, SPOOL, Extent(stored=2))
    bench.output(b"cd", offset=2)
    bench.stored(4, new=False)

    assert bench.said() == [ack(4)]


def test_a_session_is_never_told_of_more_than_it_sent(bench: DeskBench) -> None:
    bench.desk.open(OTHER, SPOOL, Extent(stored=2, durable=2))
    bench.stored(9)
    bench.desk.durable([(SPOOL, Extent(stored=9, durable=9))])

    assert bench.said(OTHER) == [ack(2), ack(2, 2)]
    assert bench.said(MINE) == []


def test_an_answer_to_a_result_implies_every_acknowledgement(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.result(3)
    bench.stored(3)
    bench.desk.durable([(SPOOL, Extent(stored=3, durable=3))])

    assert bench.said() == []


def test_what_the_writer_misses_is_asked_for(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.desk.missing(MINE, SPOOL, 0)
    assert bench.said() == [resend(0)]

    bench.output(b"on its way", offset=3)
    bench.result(13)
    bench.output(b"abc")
    assert len(bench.writer.items) == 2
    assert bench.said() == []
    assert bench.blamed() == {}


def test_two_frames_in_a_row_that_the_writer_misses_are_asked_for_once(bench: DeskBench) -> None:
    bench.output(b"abc")
    bench.output(b"def", offset=3)
    bench.desk.missing(MINE, SPOOL, 0)
    bench.desk.missing(MINE, SPOOL, 0)

    assert bench.said() == [resend(0)]


def test_a_session_that_is_over_is_asked_for_nothing(bench: DeskBench) -> None:
    bench.desk.open(OTHER, SPOOL, Extent())
    bench.desk.missing(MINE, SPOOL, 0)

    assert bench.said(MINE) == bench.said(OTHER) == []


def test_an_agent_that_ignores_its_window_is_cut_off(bench: DeskBench) -> None:
    piece = b"x" * 1_000_000
    offset = 0
    with pytest.raises(ProtocolViolation, match="beyond the window"):
        while offset <= UNSTORED_BYTES:
            bench.output(piece, offset=offset)
            offset += len(piece)


def test_stored_output_opens_the_window_again(bench: DeskBench) -> None:
    piece = b"x" * 1_000_000
    for number in range(2 * UNSTORED_BYTES // len(piece)):
        bench.output(piece, offset=number * len(piece))
        bench.stored((number + 1) * len(piece), taken=len(piece))

    assert len(bench.writer.items) == 2 * UNSTORED_BYTES // len(piece)


# --- mailbox and switchboard ----------------------------------------------------------------


async def test_a_mailbox_gives_everything_that_waits_and_then_its_end() -> None:
    box = Mailbox()
    first, second = ack(1), ack(2)
    box.put(first)
    box.put(second)
    assert await box.take() == [first, second]

    box.put(first)
    box.end()
    box.put(second)
    assert (box.ended, box.refusal) == (True, None)
    assert await box.take() == [first]
    assert await box.take() == []


async def test_a_mailbox_ends_once() -> None:
    box = Mailbox()
    refusal = ProtocolViolation("no")
    box.end(refusal)
    box.end()

    assert box.refusal is refusal


async def test_refused_frames_are_counted_by_worker() -> None:
    switchboard = Switchboard()
    for _ in range(2):
        switchboard.count(worker_id(1), "Result of an attempt that is over")

    assert switchboard.refused(worker_id(1)) == {"Result of an attempt that is over": 2}
    assert switchboard.refused(worker_id(2)) == {}
