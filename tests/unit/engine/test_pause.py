"""A desk that takes no output for a while: nothing is lost, and nobody has to come back for it."""

import pytest
from tests.support.desk_bench import MINE, OTHER, SPOOL, DeskBench, ack, resend

from farhand_server.core import output as rules
from farhand_server.engine.writer import Append, Seal
from farhand_server.errors import ProtocolViolation
from farhand_server.model.output import Extent, SpoolId

SECOND = SpoolId(job=SPOOL.job, attempt=2)


@pytest.fixture
def bench() -> DeskBench:
    bench = DeskBench()
    bench.desk.open(MINE, SPOOL, Extent())
    bench.output(b"abc")
    bench.desk.pause("the disk is full")
    return bench


def test_output_is_dropped_without_an_answer(bench: DeskBench) -> None:
    bench.output(b"def", offset=3)
    bench.output(b"ghi", offset=6)

    assert bench.desk.paused == "the disk is full"
    assert len(bench.writer.items) == 1
    assert bench.said() == []


def test_it_goes_on_from_what_was_received(bench: DeskBench) -> None:
    bench.output(b"def", offset=3)
    bench.desk.resume()
    assert bench.said() == [resend(3)]

    bench.output(b"ghi", offset=6)  # was on its way
    bench.output(b"def", offset=3)
    bench.output(b"ghi", offset=6)
    offsets = [item.offset for item in bench.writer.items if isinstance(item, Append)]
    assert offsets == [0, 3, 6]
    assert bench.said() == []
    assert bench.desk.paused == ""


def test_nobody_is_blamed_for_what_was_dropped(bench: DeskBench) -> None:
    bench.output(b"def", offset=3)
    bench.result(9)
    bench.desk.resume()
    bench.output(b"ghi", offset=6)
    bench.result(9)

    assert bench.blamed() == {}
    assert bench.said() == [resend(3)]


def test_spools_that_missed_nothing_are_not_asked(bench: DeskBench) -> None:
    bench.desk.open(OTHER, SECOND, Extent())
    bench.desk.resume()

    assert bench.said(MINE) == bench.said(OTHER) == []


def test_a_session_that_comes_meanwhile_is_asked_too(bench: DeskBench) -> None:
    bench.desk.leave(MINE)
    bench.desk.open(OTHER, SPOOL, Extent(stored=3))
    bench.output(b"def", offset=3, session=OTHER)
    bench.desk.resume()

    assert bench.said(OTHER) == [resend(3)]


def test_what_was_received_is_still_stored_and_acknowledged(bench: DeskBench) -> None:
    bench.stored(3)

    assert bench.said() == [ack(3)]


def test_a_result_whose_output_is_here_is_taken(bench: DeskBench) -> None:
    bench.result(3)

    assert isinstance(bench.writer.items[-1], Seal)


def test_a_result_whose_output_is_not_here_comes_again_with_it(bench: DeskBench) -> None:
    bench.output(b"def", offset=3)
    bench.result(6)
    bench.desk.resume()
    bench.output(b"def", offset=3)
    bench.result(6)

    assert [type(item) for item in bench.writer.items] == [Append, Append, Seal]


def test_what_the_writer_misses_meanwhile_is_asked_for_again_at_the_end(bench: DeskBench) -> None:
    bench.desk.missing(MINE, SPOOL, 0)
    bench.output(b"def", offset=3)  # was on its way
    bench.output(b"abc")
    bench.desk.resume()

    assert bench.said() == [resend(0), resend(0)]


def test_an_agent_that_has_not_answered_yet_is_not_asked_again(bench: DeskBench) -> None:
    bench.output(b"def", offset=3)
    bench.desk.resume()
    bench.desk.pause("full again")
    bench.output(b"ghi", offset=6)  # was on its way before the agent was asked
    bench.desk.resume()
    bench.output(b"def", offset=3)

    assert bench.said() == [resend(3)]
    assert len(bench.writer.items) == 2


def test_an_answer_that_was_dropped_is_asked_for_again(bench: DeskBench) -> None:
    bench.output(b"def", offset=3)
    bench.desk.resume()
    bench.desk.pause("full again")
    bench.output(b"def", offset=3)
    bench.desk.resume()

    assert bench.said() == [resend(3), resend(3)]


def test_what_is_not_a_workers_own_is_refused_all_the_same(bench: DeskBench) -> None:
    with pytest.raises(ProtocolViolation, match=rules.NOT_YOURS):
        bench.output(b"def", offset=3, session=OTHER)
