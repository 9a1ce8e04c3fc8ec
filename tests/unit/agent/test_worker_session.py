"""How a session begins, lives and ends."""

import pytest
from tests.support.worker_desk import ONE, TWO, Desk, grant, offer, sent, welcome

from farhand_agent.core import effects, events, frames
from farhand_agent.core.frames import Phase


def test_a_stream_is_opened_when_no_runner_owes_an_answer() -> None:
    desk = Desk()

    assert desk.hear(events.ConnectDue()) == [effects.OpenStream()]


def test_a_stream_waits_for_the_answer_of_every_runner() -> None:
    desk = Desk()
    desk.hear(events.RunnerAsked(runner=1, id=None))
    desk.hear(events.RunnerAsked(runner=2, id=ONE))

    assert desk.hear(events.ConnectDue()) == []
    assert desk.hear(events.RunnerState(runner=1, id=None)) == []
    assert effects.OpenStream() in desk.hear(events.RunnerState(runner=2, id=ONE))


def test_a_runner_that_is_silent_for_five_seconds_is_reported_as_running() -> None:
    desk = Desk()
    desk.hear(events.RunnerAsked(runner=1, id=ONE))
    desk.hear(events.ConnectDue())

    assert desk.worker.wake_at() == 105.0
    assert desk.later(4.9) == []
    assert desk.later(0.1) == [effects.OpenStream()]
    assert sent(desk.hear(events.Connected())) == [
        frames.Hello(
            session_number=7,
            slots=2,
            journal=(frames.JournalEntry(id=ONE, phase=Phase.RUNNING, size=0),),
        )
    ]


def test_the_server_hears_it_when_the_last_silent_runner_has_answered() -> None:
    desk = Desk()
    for runner in (1, 2):
        desk.hear(events.RunnerAsked(runner=runner, id=None))
    desk.hear(events.ConnectDue())
    desk.later(5)
    desk.connect()

    desk.hear(events.RunnerState(runner=1, id=None))
    assert desk.hear(events.Writable()) == []
    desk.hear(events.RunnerGone(runner=2, id=None))
    assert desk.hear(events.Writable()) == [
        effects.SendFrame(frame=frames.Goodbye(reason="every runner has answered")),
        effects.EndStream(reason="every runner has answered", retry_after_seconds=0.0),
    ]


def test_a_spare_that_turns_out_to_serve_an_attempt_is_in_the_hello() -> None:
    desk = Desk()
    desk.hear(events.RunnerAsked(runner=1, id=None))
    desk.hear(events.ConnectDue())
    desk.hear(events.RunnerState(runner=1, id=ONE, phase=Phase.EXITED, size=99))
    (hello,) = sent(desk.hear(events.Connected()))

    assert isinstance(hello, frames.Hello)
    assert hello.journal == (frames.JournalEntry(id=ONE, phase=Phase.EXITED, size=99),)


def test_the_session_number_is_on_disk_before_the_first_heartbeat() -> None:
    done = Desk().connect()

    assert done == [
        effects.Persist(session_number=8),
        effects.SendFrame(frame=frames.Heartbeat(sequence=1, running=0)),
    ]


def test_a_heartbeat_follows_every_interval() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(frames.HeartbeatAck(sequence=1))

    assert desk.worker.wake_at() == 110.0
    assert desk.later(9.9) == []
    assert sent(desk.later(0.1)) == [frames.Heartbeat(sequence=2, running=0)]


def test_a_stream_without_an_answer_for_two_intervals_is_dead() -> None:
    desk = Desk()
    desk.connect()
    desk.later(10)

    assert desk.worker.wake_at() == 120.0
    assert desk.later(10) == [
        effects.EndStream(reason="the server has not answered a heartbeat in time")
    ]
    assert not desk.worker.ready


def test_a_stream_is_given_up_ten_seconds_before_its_lease_would_end() -> None:
    desk = Desk()
    desk.connect(heartbeat_ms=30_000, lease_ms=45_000)
    desk.later(30)

    assert isinstance(desk.later(5)[0], effects.EndStream)


def test_an_answer_to_an_older_heartbeat_does_not_hide_that_the_newer_one_has_none() -> None:
    desk = Desk()
    desk.connect()
    desk.later(10)
    desk.hear(frames.HeartbeatAck(sequence=1))

    assert desk.later(19.9) != []
    assert isinstance(desk.later(0.2)[0], effects.EndStream)


def test_a_server_that_does_not_open_the_session_in_time_is_left() -> None:
    desk = Desk()
    desk.hear(events.ConnectDue())
    desk.hear(events.Connected())

    assert isinstance(desk.later(30)[0], effects.EndStream)


def test_drain_ends_the_stream_behind_what_waits() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.output(50)
    desk.hear(frames.Drain(reason="upgrade", retry_after_ms=3000))
    done = desk.hear(events.Writable())

    assert [type(frame) for frame in sent(done)] == [
        frames.Started,
        frames.Output,
        frames.Goodbye,
    ]
    assert done[-1] == effects.EndStream(
        reason="the server drains: upgrade", retry_after_seconds=3.0
    )


def test_heartbeats_go_on_while_a_stream_that_drains_takes_nothing() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(frames.Drain(reason="upgrade"))

    for sequence in range(2, 12):
        desk.hear(frames.HeartbeatAck(sequence=sequence - 1))
        assert sent(desk.later(10)) == [frames.Heartbeat(sequence=sequence, running=0)]
    assert sent(desk.hear(events.Writable())) == [
        frames.Goodbye(reason="the server drains: upgrade")
    ]


def test_nothing_is_sent_after_goodbye_but_grants_are_still_taken() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(frames.Drain(reason="upgrade"))
    desk.write()

    assert any(isinstance(e, effects.StartRunner) for e in desk.hear(grant()))
    desk.hear(events.RunnerStarted(id=ONE))
    desk.output(50)
    assert desk.write() == []


def test_an_offer_to_a_worker_that_leaves_is_refused() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(frames.Drain(reason="upgrade"))

    assert sent(desk.hear(offer())) == [
        frames.Reject(offer_id="o1", reason="the agent is going away", for_now=True)
    ]


def test_shutdown_says_so_and_leaves() -> None:
    desk = Desk()
    desk.connect()
    done = desk.hear(events.ShutdownRequested())

    assert [type(frame) for frame in sent(done)] == [frames.Drain, frames.Goodbye]
    assert isinstance(done[-1], effects.EndStream)


def test_jobs_do_not_notice_a_lost_stream() -> None:
    desk = Desk()
    desk.connect()
    desk.run()

    assert desk.hear(events.Lost()) == []
    assert desk.output(100) == []
    desk.hear(events.ConnectDue())
    (hello,) = sent(desk.hear(events.Connected()))
    assert isinstance(hello, frames.Hello)
    assert hello.journal == (frames.JournalEntry(id=ONE, phase=Phase.RUNNING, size=100),)


def test_an_attempt_that_turns_up_after_the_hello_makes_a_new_one() -> None:
    desk = Desk()
    desk.connect()
    desk.hear(events.RunnerState(runner=9, id=ONE, phase=Phase.RUNNING, size=5))
    done = desk.hear(events.Writable())

    assert done[-1] == effects.EndStream(
        reason="an attempt turned up late", retry_after_seconds=0.0
    )


ILLEGAL: dict[str, frames.ServerFrame] = {
    "a second Welcome": welcome(),
    "an answer to a heartbeat that was never sent": frames.HeartbeatAck(sequence=5),
    "an answer to no heartbeat": frames.HeartbeatAck(sequence=0),
    "a Grant without a script": grant(script=None, digest="0" * 64),
    "a Grant with another script": grant(script=b"rm -rf /"),
}


@pytest.mark.parametrize("frame", ILLEGAL.values(), ids=ILLEGAL.keys())
def test_an_illegal_frame_ends_the_session_with_a_reason(frame: frames.ServerFrame) -> None:
    desk = Desk()
    desk.connect()
    done = desk.hear(frame)

    assert isinstance(done[0], effects.SendFrame)
    assert isinstance(done[0].frame, frames.Goodbye)
    assert isinstance(done[1], effects.EndStream)
    assert done[1].fault
    assert len(done) == 2


def test_a_frame_before_welcome_is_illegal() -> None:
    desk = Desk()
    desk.hear(events.ConnectDue())
    desk.hear(events.Connected())
    (done,) = desk.hear(grant())

    assert done == effects.EndStream(reason="Grant before Welcome", fault=True)


BAD_WELCOMES: dict[str, dict[str, object]] = {
    "no window": {"window_bytes": 0},
    "frames too small for an entry": {"output_frame_bytes": 100},
    "no heartbeat": {"heartbeat_ms": 0},
    "a lease shorter than its margin": {"lease_ms": 10_000},
    "a verdict for an attempt that was not in the Hello": {
        "verdicts": (frames.Discard(id=TWO, reason=""),)
    },
}


@pytest.mark.parametrize("changes", BAD_WELCOMES.values(), ids=BAD_WELCOMES.keys())
def test_a_welcome_that_cannot_be_lived_with_persists_nothing(changes: dict[str, object]) -> None:
    done = Desk().connect(**changes)

    assert [type(effect) for effect in done] == [effects.EndStream]


def test_a_welcome_that_forgets_an_attempt_is_illegal() -> None:
    desk = Desk()
    desk.connect()
    desk.run()
    desk.hear(events.Lost())
    (done,) = desk.connect()

    assert isinstance(done, effects.EndStream)
    assert done.fault
