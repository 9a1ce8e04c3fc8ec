"""What a worker takes on."""

from tests.support.worker_desk import DIGEST, ONE, SCRIPT, TWO, Desk, grant, offer, sent

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import AttemptId, RunbookType


def test_an_offer_that_can_be_run_is_accepted() -> None:
    desk = Desk()
    desk.connect()

    assert sent(desk.hear(offer())) == [frames.Accept(offer_id="o1", cached=False)]


def test_a_script_that_was_seen_before_need_not_come_again() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())

    assert sent(desk.hear(offer())) == [frames.Accept(offer_id="o1", cached=True)]
    (start,) = desk.hear(grant(TWO, offer_id="o1", script=None))
    assert isinstance(start, effects.StartRunner)
    assert start.script == SCRIPT


def test_a_type_without_interpreter_is_refused_with_a_sentence() -> None:
    desk = Desk()
    desk.connect()

    assert sent(desk.hear(offer(type_=RunbookType.POWERSHELL))) == [
        frames.Reject(offer_id="o1", reason="no interpreter for powershell on this host")
    ]
    assert sent(desk.hear(offer(type_=None))) == [
        frames.Reject(offer_id="o1", reason="no interpreter for this type of runbook on this host")
    ]


def test_offers_and_attempts_take_slots() -> None:
    desk = Desk(slots=2)
    desk.connect()
    desk.hear(grant())
    desk.hear(offer("o1"))

    assert sent(desk.hear(offer("o2"))) == [
        frames.Reject(offer_id="o2", reason="all 2 slots are taken", for_now=True)
    ]


def test_a_withdrawn_offer_gives_its_slot_back() -> None:
    desk = Desk(slots=1)
    desk.connect()
    desk.hear(offer("o1"))
    desk.hear(frames.Withdraw(offer_id="o1"))

    assert sent(desk.hear(offer("o2"))) == [frames.Accept(offer_id="o2", cached=False)]


def test_offers_die_with_their_stream() -> None:
    desk = Desk(slots=1)
    desk.connect()
    desk.hear(offer("o1"))
    desk.hear(events.Lost())
    desk.connect()

    assert sent(desk.hear(offer("o2"))) == [frames.Accept(offer_id="o2", cached=False)]


def test_a_slot_is_free_when_its_script_has_ended() -> None:
    desk = Desk(slots=1)
    desk.connect()
    desk.run()

    assert isinstance(sent(desk.hear(offer("o1")))[0], frames.Reject)
    desk.exit(0)
    desk.write()
    assert isinstance(sent(desk.hear(offer("o2")))[0], frames.Accept)
    assert desk.hear(frames.ResultAck(id=ONE)) == [effects.FinishRunner(id=ONE)]


def test_a_grant_starts_a_runner() -> None:
    desk = Desk()
    desk.connect()
    given = grant()

    assert desk.hear(given) == [effects.StartRunner(grant=given, script=SCRIPT)]


def test_a_grant_that_came_twice_starts_once() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())

    assert desk.hear(grant()) == []


def test_a_grant_for_an_attempt_that_the_journal_knows_is_ignored() -> None:
    desk = Desk()
    desk.connect()
    desk.journal.known.add(ONE)

    assert desk.hear(grant()) == []


def test_a_grant_without_an_offer_may_be_one_too_many() -> None:
    desk = Desk(slots=1)
    desk.connect()
    desk.hear(grant(ONE))

    assert isinstance(desk.hear(grant(TWO))[0], effects.StartRunner)


def test_another_attempt_of_the_same_job_is_another_attempt() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant(ONE))
    again = AttemptId(ONE.job_id, 2)

    assert isinstance(desk.hear(grant(again))[0], effects.StartRunner)


def test_the_digest_of_a_carried_script_is_what_it_is_kept_under() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant(digest=DIGEST))

    assert sent(desk.hear(offer())) == [frames.Accept(offer_id="o1", cached=True)]
