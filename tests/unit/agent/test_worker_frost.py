"""Attempts that stand still, between their runner and the server."""

import pytest
from tests.support.worker_desk import ONE, Desk, grant, offer, sent, welcome

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import Phase

FREEZE = effects.FreezeRunner(id=ONE)
THAW = effects.ThawRunner(id=ONE)
FROZEN = frames.Frozen(id=ONE)
THAWED = frames.Thawed(id=ONE)


def state(phase: Phase, *, size: int = 0) -> events.RunnerState:
    return events.RunnerState(runner=2, id=ONE, phase=phase, size=size)


def running() -> Desk:
    """A desk with an attempt of which the server was told that it has started."""
    desk = Desk()
    desk.connect()
    desk.run()
    desk.later(1)
    desk.write()
    return desk


def frozen() -> Desk:
    desk = running()
    desk.hear(frames.Freeze(id=ONE))
    desk.hear(events.RunnerFrozen(id=ONE))
    return desk


def adopted(phase: Phase) -> Desk:
    """A desk whose agent has found the attempt, and not connected yet."""
    desk = Desk()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerAsked(runner=2, id=ONE))
    desk.hear(state(phase))
    return desk


def go_on() -> frames.Continue:
    return frames.Continue(id=ONE, stored=0, durable=0)


# ---- freeze --------------------------------------------------------------------------------


def test_freeze_goes_to_the_runner_and_its_answer_to_the_server() -> None:
    desk = running()

    assert desk.hear(frames.Freeze(id=ONE)) == [FREEZE]
    assert sent(desk.hear(events.RunnerFrozen(id=ONE))) == [FROZEN]


def test_a_repeated_freeze_is_passed_on_and_answered_again() -> None:
    desk = frozen()

    assert desk.hear(frames.Freeze(id=ONE)) == [FREEZE]
    assert sent(desk.hear(events.RunnerFrozen(id=ONE))) == [FROZEN]


def test_freeze_waits_for_a_script_that_is_being_started() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())

    assert desk.hear(frames.Freeze(id=ONE)) == []
    assert desk.hear(events.RunnerStarted(id=ONE)) == [FREEZE]


def test_freeze_is_said_again_to_a_runner_that_was_out_of_touch() -> None:
    desk = running()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    assert desk.hear(frames.Freeze(id=ONE)) == []

    assert desk.hear(state(Phase.RUNNING))[0] == FREEZE
    desk.hear(events.RunnerGone(runner=2, id=ONE))
    assert desk.hear(state(Phase.RUNNING))[0] == FREEZE
    desk.hear(events.RunnerFrozen(id=ONE))
    desk.hear(events.RunnerGone(runner=2, id=ONE))
    assert FREEZE not in desk.hear(state(Phase.FROZEN))


def test_what_was_asked_last_counts() -> None:
    desk = running()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    desk.hear(frames.Freeze(id=ONE))
    desk.hear(frames.Thaw(id=ONE))

    assert desk.hear(state(Phase.RUNNING))[0] == THAW


@pytest.mark.parametrize("frame", [frames.Freeze(id=ONE), frames.Thaw(id=ONE)])
def test_neither_is_passed_on_where_nothing_runs(
    frame: frames.Freeze | frames.Thaw,
) -> None:
    desk = Desk()
    desk.connect()
    assert desk.hear(frame) == []
    desk.run()
    desk.exit(0)

    assert desk.hear(frame) == []


def test_an_answer_that_the_end_has_overtaken_is_not_told() -> None:
    desk = running()
    desk.hear(frames.Freeze(id=ONE))
    desk.exit(0)

    assert desk.hear(events.RunnerFrozen(id=ONE)) == []


def test_frozen_overtakes_output_but_not_started() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.hear(frames.Freeze(id=ONE))

    assert sent(desk.hear(events.RunnerFrozen(id=ONE))) == [frames.Started(id=ONE), FROZEN]
    assert desk.write() == [frames.Output(id=ONE, offset=0, size=30)]


# ---- thaw ----------------------------------------------------------------------------------


def test_thaw_goes_to_the_runner_and_its_answer_to_the_server() -> None:
    desk = frozen()

    assert desk.hear(frames.Thaw(id=ONE)) == [THAW]
    assert sent(desk.hear(events.RunnerThawed(id=ONE))) == [THAWED]


def test_a_thaw_for_an_attempt_that_runs_is_answered_when_its_runner_says_so() -> None:
    desk = running()

    assert desk.hear(frames.Thaw(id=ONE)) == [THAW]
    assert sent(desk.hear(events.RunnerThawed(id=ONE))) == [THAWED]


def test_answers_come_in_the_order_in_which_they_became_true() -> None:
    desk = running()
    desk.hear(frames.Freeze(id=ONE))
    desk.hear(frames.Thaw(id=ONE))

    assert sent(desk.hear(events.RunnerFrozen(id=ONE))) == [FROZEN]
    assert sent(desk.hear(events.RunnerThawed(id=ONE))) == [THAWED]


# ---- what a frozen attempt still is ---------------------------------------------------------


def test_a_frozen_attempt_takes_its_slot() -> None:
    desk = Desk(slots=1)
    desk.connect()
    desk.run()
    desk.hear(events.RunnerFrozen(id=ONE))

    assert isinstance(sent(desk.hear(offer()))[0], frames.Reject)
    desk.hear(frames.HeartbeatAck(sequence=1))
    assert sent(desk.later(10)) == [frames.Heartbeat(sequence=2, running=1)]


def test_stop_goes_to_a_frozen_attempt() -> None:
    desk = frozen()
    stop = effects.StopRunner(id=ONE, grace_ms=5)

    assert desk.hear(frames.Stop(id=ONE, grace_ms=5)) == [stop]


def test_what_is_being_stopped_does_not_count_as_frozen_any_more() -> None:
    desk = frozen()
    desk.hear(frames.Freeze(id=ONE))
    desk.hear(frames.Stop(id=ONE, grace_ms=5))
    assert desk.hear(events.RunnerFrozen(id=ONE)) == []
    desk.hear(events.Lost())
    desk.hear(events.ConnectDue())
    (hello,) = sent(desk.hear(events.Connected()))

    assert isinstance(hello, frames.Hello)
    assert [entry.phase for entry in hello.journal] == [Phase.RUNNING]


def test_what_is_to_be_stopped_must_not_stand_still() -> None:
    desk = running()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    desk.hear(frames.Freeze(id=ONE))
    desk.hear(frames.Stop(id=ONE, grace_ms=5))
    assert desk.hear(frames.Freeze(id=ONE)) == []

    heard = desk.hear(state(Phase.RUNNING))
    assert effects.StopRunner(id=ONE, grace_ms=5) in heard
    assert FREEZE not in heard


def test_a_result_ack_for_a_frozen_attempt_is_illegal() -> None:
    desk = frozen()
    done = desk.hear(frames.ResultAck(id=ONE))

    assert isinstance(done[-1], effects.EndStream)
    assert done[-1].fault


def test_a_frozen_attempt_that_is_discarded_is_stopped() -> None:
    desk = adopted(Phase.FROZEN)
    done = desk.connect(verdicts=(frames.Discard(id=ONE, reason=""),))

    assert done[2:] == [effects.FinishRunner(id=ONE, stop_grace_ms=30_000)]


def test_the_end_of_a_frozen_attempt_is_reported() -> None:
    desk = frozen()
    desk.exit(0)

    assert [type(frame) for frame in desk.write()] == [frames.Result]


# ---- sessions that follow ------------------------------------------------------------------


def test_a_hello_says_that_it_is_frozen() -> None:
    desk = adopted(Phase.FROZEN)
    desk.hear(events.ConnectDue())
    (hello,) = sent(desk.hear(events.Connected()))

    assert isinstance(hello, frames.Hello)
    assert [entry.phase for entry in hello.journal] == [Phase.FROZEN]


def test_what_the_hello_said_is_not_said_again() -> None:
    desk = adopted(Phase.FROZEN)
    done = desk.connect(verdicts=(go_on(),))

    assert [type(frame) for frame in sent(done)] == [frames.Heartbeat]


def test_a_wish_of_a_session_that_is_over_is_not_carried_out_later() -> None:
    desk = running()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    desk.hear(frames.Freeze(id=ONE))
    desk.hear(events.Lost())

    assert FREEZE not in desk.hear(state(Phase.RUNNING))


@pytest.mark.parametrize(
    ("before", "event", "told"),
    [
        (Phase.RUNNING, events.RunnerFrozen(id=ONE), FROZEN),
        (Phase.FROZEN, events.RunnerThawed(id=ONE), THAWED),
    ],
)
def test_what_came_true_after_the_hello_is_said_after_the_welcome(
    before: Phase, event: events.Event, told: frames.AgentFrame
) -> None:
    desk = adopted(before)
    desk.hear(events.ConnectDue())
    desk.hear(events.Connected())

    assert sent(desk.hear(event)) == []
    assert sent(desk.hear(welcome(verdicts=(go_on(),))))[1:] == [told]


def test_a_runner_that_answers_late_tells_the_server_what_the_hello_could_not() -> None:
    desk = Desk()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerAsked(runner=2, id=ONE))
    desk.hear(events.ConnectDue())
    desk.later(5)
    desk.hear(events.Connected())
    desk.hear(welcome(verdicts=(go_on(),)))

    assert sent(desk.hear(state(Phase.FROZEN))) == [FROZEN]


def test_an_answer_that_was_lost_with_its_conversation_is_told_by_the_next() -> None:
    desk = frozen()
    desk.journal.known.add(ONE)
    desk.hear(frames.Thaw(id=ONE))
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    heard = desk.hear(state(Phase.RUNNING))

    assert sent(heard) == [THAWED]
    assert THAW in heard


def test_an_attempt_that_turns_up_late_is_told_by_the_next_hello_alone() -> None:
    desk = Desk()
    desk.connect()
    desk.journal.known.add(ONE)
    desk.hear(events.RunnerAsked(runner=2, id=ONE))

    assert sent(desk.hear(state(Phase.FROZEN))) == []
