"""An attempt between its runner and the server."""

from tests.support.worker_desk import ONE, READ_AHEAD, TWO, Desk, grant, sent

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import Phase


def resume(offset: int) -> effects.ReadSpool:
    return effects.ReadSpool(id=ONE, offset=offset, credit=READ_AHEAD)


# ---- started, output, result ---------------------------------------------------------------


def test_a_short_job_is_one_message() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(20)
    desk.output(10, offset=20)
    desk.exit(30)

    assert desk.write() == [
        frames.Started(id=ONE),
        frames.Output(id=ONE, offset=0, size=30),
        frames.Result(id=ONE, exit=frames.Exit(code=0), size=30, crc=1),
    ]
    assert desk.write() == []


def test_started_waits_for_company_but_not_for_long() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(frames.HeartbeatAck(sequence=1))
    desk.run()

    assert desk.write() == []
    assert desk.worker.wake_at() == 100.02
    desk.later(0.02)
    assert desk.write() == [frames.Started(id=ONE)]
    assert desk.write() == []


def test_a_result_follows_its_output_through_the_window() -> None:
    desk = Desk()
    desk.connect(window_bytes=65536, output_frame_bytes=65536)
    desk.run()
    desk.output(60_000)
    desk.output(60_000, offset=60_000)
    desk.exit(120_000)

    assert [type(frame) for frame in desk.write()] == [frames.Started, frames.Output]
    assert desk.write() == []
    desk.hear(frames.OutputAck(id=ONE, stored=60_000, durable=0))
    assert [type(frame) for frame in desk.write()] == [frames.Output, frames.Result]


def test_a_result_is_sent_again_in_the_next_session() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.exit(30)
    desk.write()
    desk.hear(events.Lost())
    desk.connect(verdicts=(frames.Continue(id=ONE, stored=30, durable=30),))

    assert [type(frame) for frame in desk.write()] == [frames.Result]


def test_durable_bytes_are_freed_once() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()

    assert desk.hear(frames.OutputAck(id=ONE, stored=30, durable=0)) == []
    assert desk.hear(frames.OutputAck(id=ONE, stored=30, durable=20)) == [
        effects.FreeSpool(id=ONE, durable=20)
    ]
    assert desk.hear(frames.OutputAck(id=ONE, stored=30, durable=20)) == []


def test_credit_goes_back_to_the_runner_in_halves() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(READ_AHEAD // 2 - 1)
    assert not _credits(desk.hear(events.Writable()))
    desk.output(1, offset=READ_AHEAD // 2 - 1)

    assert _credits(desk.hear(events.Writable())) == [
        effects.GrantCredit(id=ONE, credit=READ_AHEAD // 2)
    ]


def _credits(done: list[effects.Effect]) -> list[effects.Effect]:
    return [effect for effect in done if isinstance(effect, effects.GrantCredit)]


def test_an_acknowledgement_of_bytes_that_were_never_sent_is_illegal() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    done = desk.hear(frames.OutputAck(id=ONE, stored=1, durable=0))

    assert isinstance(done[-1], effects.EndStream)
    assert done[-1].fault


def test_a_result_ack_for_an_attempt_that_runs_is_illegal() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    done = desk.hear(frames.ResultAck(id=ONE))

    assert isinstance(done[-1], effects.EndStream)
    assert done[-1].fault


def test_what_comes_late_for_a_finished_attempt_is_ignored() -> None:
    desk = Desk()
    desk.connect()

    assert desk.hear(frames.OutputAck(id=ONE, stored=5, durable=5)) == []
    assert desk.hear(frames.Resend(id=ONE, offset=0)) == []
    assert desk.hear(frames.Stop(id=ONE, grace_ms=5)) == []
    assert desk.hear(frames.ResultAck(id=ONE)) == []
    assert desk.exit(3) == []
    assert desk.output(3) == []


# ---- resend --------------------------------------------------------------------------------


def test_resend_reads_the_spool_again_in_a_new_conversation() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()

    assert desk.hear(frames.Resend(id=ONE, offset=10)) == [effects.DialRunner(id=ONE)]
    state = events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=30)
    assert desk.hear(state) == [resume(10)]
    desk.output(20, offset=10)
    assert desk.write() == [frames.Output(id=ONE, offset=10, size=20)]


def test_a_second_resend_from_the_same_place_changes_nothing() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()
    desk.hear(frames.Resend(id=ONE, offset=10))

    assert desk.hear(frames.Resend(id=ONE, offset=10)) == []


def test_resend_of_bytes_that_were_durable_is_illegal() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()
    desk.hear(frames.OutputAck(id=ONE, stored=30, durable=30))
    done = desk.hear(frames.Resend(id=ONE, offset=10))

    assert isinstance(done[-1], effects.EndStream)
    assert done[-1].fault


# ---- sessions that follow ------------------------------------------------------------------


def test_a_spool_goes_on_where_the_server_has_stored_it() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()
    desk.hear(events.Lost())
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=10, durable=10),))

    assert done[2:] == [effects.DialRunner(id=ONE)]
    state = events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=30)
    assert desk.hear(state) == [resume(10)]


def test_a_server_that_was_restored_is_told_again_what_was_durable_before() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.exit(30)
    desk.write()
    desk.hear(frames.OutputAck(id=ONE, stored=30, durable=30))
    desk.hear(events.Lost())
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=10, durable=10, crc=7),))

    assert done[2:] == [effects.DialRunner(id=ONE)]
    assert desk.write() == []
    state = events.RunnerState(runner=1, id=ONE, phase=Phase.EXITED, size=30)
    read = effects.ReadSpool(id=ONE, offset=10, credit=READ_AHEAD, crc=7)
    assert desk.hear(state) == [effects.FreeSpool(id=ONE, durable=10), read]
    desk.output(90, offset=10)
    desk.exit(100)
    result = frames.Result(id=ONE, exit=frames.Exit(code=0), size=100, crc=1)
    assert desk.write() == [frames.Output(id=ONE, offset=10, size=90), result]


def test_a_spool_that_the_server_has_whole_is_not_read_again() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()
    desk.hear(events.Lost())
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=30, durable=20),))

    assert done[2:] == [effects.FreeSpool(id=ONE, durable=20)]


def test_a_server_that_was_restored_gets_again_what_it_had_acknowledged() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)
    desk.write()
    desk.hear(frames.OutputAck(id=ONE, stored=30, durable=30))
    desk.hear(events.Lost())
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=0, durable=0),))

    assert done[2:] == [effects.DialRunner(id=ONE)]
    state = events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=30)
    assert desk.hear(state) == [resume(0)]
    desk.output(30)
    assert desk.write() == [frames.Output(id=ONE, offset=0, size=30)]


def test_an_adopted_attempt_is_read_from_the_verdict() -> None:
    desk = Desk()
    desk.hear(events.RunnerAsked(runner=1, id=ONE))
    desk.hear(events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=500))
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=100, durable=64),))

    assert done[2:] == [effects.FreeSpool(id=ONE, durable=64), resume(100)]
    desk.output(400, offset=100)
    assert desk.write() == [frames.Output(id=ONE, offset=100, size=400)]


def test_an_adopted_attempt_whose_runner_answers_late_is_read_then() -> None:
    desk = Desk()
    desk.hear(events.RunnerAsked(runner=1, id=ONE))
    desk.hear(events.ConnectDue())
    desk.later(5)
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=100, durable=0),))

    assert done[2:] == []
    state = events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=500)
    assert desk.hear(state) == [resume(100)]


def test_a_discarded_attempt_is_ended_and_forgotten() -> None:
    desk = Desk()
    desk.hear(events.RunnerState(runner=1, id=ONE, phase=Phase.RUNNING, size=500))
    desk.hear(events.RunnerState(runner=2, id=TWO, phase=Phase.EXITED, size=500))
    verdicts = (frames.Discard(id=ONE, reason=""), frames.Discard(id=TWO, reason=""))
    done = desk.connect(verdicts=verdicts)

    assert done[2:] == [
        effects.FinishRunner(id=ONE, stop_grace_ms=30_000),
        effects.FinishRunner(id=TWO),
    ]


# ---- never started -------------------------------------------------------------------------


def test_an_attempt_that_was_claimed_as_void_is_reported_until_it_is_acknowledged() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())
    never = frames.NotStarted(id=ONE, reason="disk full")

    assert sent(desk.hear(events.RunnerVoid(id=ONE, reason="disk full"))) == [never]
    desk.hear(events.Lost())
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=0, durable=0),))
    assert sent(done)[1:] == [never]
    assert desk.hear(frames.ResultAck(id=ONE)) == [effects.FinishRunner(id=ONE)]


def test_an_attempt_that_was_claimed_as_void_by_an_agent_before_is_reported() -> None:
    desk = Desk()
    state = events.RunnerState(runner=1, id=ONE, phase=Phase.VOID, reason="lost power")
    desk.hear(state)
    done = desk.connect(verdicts=(frames.Continue(id=ONE, stored=0, durable=0),))

    assert sent(done)[1:] == [frames.NotStarted(id=ONE, reason="lost power")]


# ---- stop ----------------------------------------------------------------------------------


def test_stop_goes_to_the_runner() -> None:
    desk = Desk()
    desk.connect()
    desk.run()

    assert desk.hear(frames.Stop(id=ONE, grace_ms=5)) == [effects.StopRunner(id=ONE, grace_ms=5)]


def test_stop_waits_for_a_script_that_is_being_started() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())

    assert desk.hear(frames.Stop(id=ONE, grace_ms=5)) == []
    assert desk.hear(events.RunnerStarted(id=ONE)) == [effects.StopRunner(id=ONE, grace_ms=5)]


def test_stop_for_an_attempt_that_has_just_ended_is_ignored() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.exit(0)

    assert desk.hear(frames.Stop(id=ONE, grace_ms=5)) == []


def test_stop_is_said_again_to_a_runner_that_was_out_of_touch() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.hear(events.RunnerGone(runner=1, id=ONE))
    desk.hear(frames.Stop(id=ONE, grace_ms=5))
    state = events.RunnerState(runner=2, id=ONE, phase=Phase.RUNNING, size=0)

    assert desk.hear(state) == [effects.StopRunner(id=ONE, grace_ms=5), resume(0)]


# ---- lost runners --------------------------------------------------------------------------


def test_a_lost_conversation_is_begun_again() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)

    assert desk.hear(events.RunnerGone(runner=1, id=ONE)) == [effects.DialRunner(id=ONE)]
    state = events.RunnerState(runner=2, id=ONE, phase=Phase.RUNNING, size=30)
    assert desk.hear(state) == [resume(0)]


def test_a_grant_that_no_runner_has_begun_is_given_to_another_one() -> None:
    desk = Desk()
    desk.connect()
    (start,) = desk.hear(grant())

    assert desk.hear(events.RunnerGone(runner=1, id=ONE)) == [start]


def test_a_grant_that_may_have_been_begun_is_not_given_to_another_one() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(grant())
    desk.journal.known.add(ONE)

    assert desk.hear(events.RunnerGone(runner=1, id=ONE)) == [effects.DialRunner(id=ONE)]


def test_nobody_is_dialled_where_the_sandbox_is_gone() -> None:
    desk = Desk()
    desk.hear(events.RunnerAsked(runner=1, id=ONE))

    assert desk.hear(events.RunnerGone(runner=1, id=ONE)) == []
    assert desk.hear(events.ConnectDue()) == [effects.OpenStream()]


def test_a_runner_that_sends_bytes_out_of_order_is_asked_again() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(30)

    assert desk.output(5, offset=99) == [effects.DialRunner(id=ONE)]


# ---- turns ---------------------------------------------------------------------------------


def test_a_line_does_not_wait_behind_a_flood() -> None:
    desk = Desk()
    desk.connect()
    desk.run(ONE)
    desk.run(TWO)
    for n in range(4):
        desk.output(65536, offset=n * 65536)
    desk.output(20, TWO)
    outputs = [frame for frame in desk.write() if isinstance(frame, frames.Output)]

    assert [(frame.id, frame.size) for frame in outputs] == [(TWO, 20), (ONE, 3 * 65536)]


def test_two_floods_take_turns() -> None:
    desk = Desk()
    desk.connect(output_frame_bytes=65536)
    desk.run(ONE)
    desk.run(TWO)
    for n in range(2):
        desk.output(65536, ONE, offset=n * 65536)
        desk.output(65536, TWO, offset=n * 65536)
    turns = [
        frame.id for _ in range(4) for frame in desk.write() if isinstance(frame, frames.Output)
    ]

    assert turns == [ONE, TWO, ONE, TWO]
