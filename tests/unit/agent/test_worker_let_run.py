"""An attempt that the server does not know, and has no right to end."""

import pytest
from tests.support.worker_desk import ONE, READ_AHEAD, Desk, grant, offer, sent, welcome

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import Phase

UNKNOWN = frames.Discard(id=ONE, reason="no such job", let_run=True)
LEAVE = effects.LeaveRunner(id=ONE)


def found(phase: Phase = Phase.RUNNING, *, slots: int = 2) -> Desk:
    """A desk whose agent has found the attempt, and not connected yet."""
    desk = Desk(slots=slots)
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerAsked(runner=1, id=ONE))
    desk.hear(events.RunnerState(runner=1, id=ONE, phase=phase, size=500))
    return desk


def left_alone(*, slots: int = 2) -> Desk:
    desk = found(slots=slots)
    desk.connect(verdicts=(UNKNOWN,))
    return desk


def ended(desk: Desk) -> None:
    """Its script has ended, and its sandbox is gone."""
    desk.journal.known.remove(ONE)
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    desk.hear(events.RunnerState(runner=1, id=None))


def listed(desk: Desk) -> list[Phase]:
    """The phases in the next Hello."""
    desk.hear(events.Lost())
    desk.hear(events.ConnectDue())
    (hello,) = sent(desk.hear(events.Connected()))
    assert isinstance(hello, frames.Hello)
    return [entry.phase for entry in hello.journal]


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.FROZEN])
def test_it_is_neither_stopped_nor_thawed(phase: Phase) -> None:
    desk = found(phase)

    assert desk.connect(verdicts=(UNKNOWN,))[2:] == [LEAVE]


def test_one_that_has_ended_is_forgotten() -> None:
    desk = found(Phase.EXITED)

    assert desk.connect(verdicts=(UNKNOWN,))[2:] == [effects.FinishRunner(id=ONE)]


def test_its_slot_is_taken_until_it_has_ended_and_gone() -> None:
    desk = left_alone(slots=1)
    assert isinstance(sent(desk.hear(offer()))[0], frames.Reject)
    assert listed(desk) == [Phase.RUNNING]
    desk.hear(welcome(verdicts=(UNKNOWN,)))
    ended(desk)

    assert isinstance(sent(desk.hear(offer()))[0], frames.Accept)
    assert listed(desk) == []


def test_its_end_between_hello_and_welcome_is_no_fault() -> None:
    desk = left_alone()
    assert listed(desk) == [Phase.RUNNING]
    ended(desk)

    done = desk.hear(welcome(verdicts=(UNKNOWN,)))
    assert [type(effect) for effect in done] == [effects.Persist, effects.SendFrame]


def test_nothing_is_said_of_it() -> None:
    desk = left_alone()

    assert desk.hear(events.RunnerFrozen(id=ONE)) == []
    assert desk.output(30) == []
    assert desk.exit(530) == []
    assert desk.write() == []


def test_a_runner_that_answers_later_is_told_then() -> None:
    desk = Desk()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerAsked(runner=1, id=ONE))
    desk.hear(events.ConnectDue())
    desk.later(5)
    assert desk.connect(verdicts=(UNKNOWN,))[2:] == []

    state = events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=500)
    assert desk.hear(state) == [LEAVE]


def test_a_script_that_was_being_started_is_left_alone_when_it_has() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())
    desk.hear(events.Lost())
    assert desk.connect(verdicts=(UNKNOWN,))[2:] == []

    assert desk.hear(events.RunnerStarted(id=ONE)) == [LEAVE]
    assert desk.write() == []


def test_one_that_turned_out_to_be_void_is_forgotten() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())
    desk.hear(events.Lost())
    desk.connect(verdicts=(UNKNOWN,))

    assert desk.hear(events.RunnerVoid(id=ONE, reason="disk full")) == [LEAVE]


def test_a_lost_runner_is_replaced_by_one_that_is_told_again() -> None:
    desk = left_alone()

    assert desk.hear(events.RunnerGone(runner=1, id=ONE)) == [effects.DialRunner(id=ONE)]
    state = events.RunnerState(runner=2, id=ONE, phase=Phase.EXITED, size=500)
    assert desk.hear(state) == [LEAVE]


def test_a_server_that_knows_it_after_all_gets_its_output() -> None:
    desk = left_alone()
    listed(desk)
    verdict = frames.Continue(id=ONE, stored=100, durable=0)
    # What was read of the conversation so far is void.
    assert desk.hear(welcome(verdicts=(verdict,)))[2:] == [effects.DialRunner(id=ONE)]

    state = events.RunnerState(runner=2, id=ONE, phase=Phase.RUNNING, size=500)
    assert desk.hear(state) == [effects.ReadSpool(id=ONE, offset=100, credit=READ_AHEAD)]
    desk.output(400, offset=100)
    assert desk.write() == [frames.Output(id=ONE, offset=100, size=400)]
    assert sent(desk.hear(events.RunnerFrozen(id=ONE))) == [frames.Frozen(id=ONE)]


def test_a_server_that_ends_it_after_all_may() -> None:
    desk = left_alone()
    listed(desk)
    verdict = frames.Discard(id=ONE, reason="superseded")

    assert desk.hear(welcome(verdicts=(verdict,)))[2:] == [
        effects.FinishRunner(id=ONE, stop_grace_ms=30_000)
    ]
