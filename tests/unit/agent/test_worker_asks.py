"""What scripts ask for, between their runner and the server: answered once, asked until then."""

from tests.support.worker_desk import ONE, TWO, Desk, sent

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import AttemptId, Phase

GO_ON = frames.Continue(id=ONE, stored=0, durable=0)


def asks(ask: int = 1, id_: AttemptId = ONE) -> events.RunnerAsks:
    return events.RunnerAsks(id=id_, ask=ask, question=b"q%d" % ask)


def asked(ask: int = 1) -> frames.Ask:
    return frames.Ask(id=ONE, ask=ask, question=b"q%d" % ask)


def answer(ask: int = 1) -> frames.Answer:
    return frames.Answer(id=ONE, ask=ask, answer=b"a")


def running() -> Desk:
    desk = Desk()
    desk.connect()
    desk.run()
    return desk


def test_a_question_is_passed_on_at_once_and_its_answer_back() -> None:
    desk = running()

    assert sent(desk.hear(asks())) == [asked()]
    assert desk.hear(answer()) == [effects.AnswerRunner(id=ONE, ask=1, answer=b"a")]


def test_a_question_that_is_on_its_way_is_not_asked_twice() -> None:
    desk = running()
    desk.hear(asks())

    assert desk.hear(asks()) == []


def test_a_second_answer_and_one_that_nobody_waits_for_do_nothing() -> None:
    desk = running()
    desk.hear(asks())
    desk.hear(answer())

    assert desk.hear(answer()) == []
    assert desk.hear(answer(7)) == []
    assert desk.hear(frames.Answer(id=TWO, ask=1, answer=b"a")) == []


def test_what_a_stream_has_left_unanswered_is_asked_on_the_next_in_its_order() -> None:
    desk = running()
    for ask in (1, 2, 3):
        desk.hear(asks(ask))
    desk.hear(answer(2))
    desk.hear(events.Lost())
    assert desk.hear(asks(4)) == []

    again = sent(desk.connect(verdicts=(GO_ON,)))
    assert [frame for frame in again if isinstance(frame, frames.Ask)] == [
        asked(1),
        asked(3),
        asked(4),
    ]


def test_a_runner_that_is_talked_to_anew_asks_again_and_is_answered() -> None:
    desk = running()
    desk.hear(asks())
    desk.hear(answer())

    # Its answer was lost with the conversation, so it says it once more.
    assert sent(desk.hear(asks())) == [asked()]


def test_a_question_of_an_attempt_that_the_server_does_not_know_waits_for_its_verdict() -> None:
    desk = Desk()
    desk.journal.known.add(ONE)
    desk.connect()
    desk.hear(events.RunnerAsked(runner=2, id=ONE))
    desk.hear(events.RunnerState(runner=2, id=ONE, phase=Phase.RUNNING))

    assert desk.hear(asks()) == []
    desk.hear(events.Lost())
    assert asked() in sent(desk.connect(verdicts=(GO_ON,)))


def test_nobody_asks_for_an_attempt_that_is_over_or_unknown() -> None:
    desk = running()
    desk.hear(asks(1))
    desk.exit(0)
    desk.hear(events.Lost())

    again = sent(desk.connect(verdicts=(GO_ON,)))
    assert [frame for frame in again if isinstance(frame, frames.Ask)] == []
    assert desk.hear(asks(2)) == []
    assert desk.hear(asks(1, TWO)) == []
