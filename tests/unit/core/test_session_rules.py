"""A worker's stream: its number, its predecessor, its frames, its silence."""

import pytest
from tests.support.rules import Rules
from tests.support.samples import job_id

from farhand_server.core.effects import Count, EndSession
from farhand_server.core.patience import Patience
from farhand_server.core.sessions import SUPERSEDED
from farhand_server.errors import ProtocolViolation, SessionConflict, WorkerUnknown
from farhand_server.model import frames
from farhand_server.model.identifiers import WorkerId
from farhand_server.model.job import JobStatus

# --- session numbers ------------------------------------------------------------------------


def test_a_hello_gets_the_next_number_and_a_heartbeat_confirms_it() -> None:
    rules = Rules()
    rules.register()
    session = rules.hello(session_number=1)
    assert rules.only(frames.Welcome, session).session_number == 2
    assert (rules.worker().confirmed_number, rules.worker().issued_number) == (1, 2)

    rules.say(session, frames.Heartbeat(sequence=1))
    assert rules.worker().confirmed_number == 2


def test_lost_welcomes_lock_nobody_out() -> None:
    rules = Rules()
    rules.register()
    for _ in range(3):
        rules.hello(session_number=1)
        assert rules.sent(frames.Welcome)

    last = rules.only(frames.Welcome).session_number
    rules.hello(session_number=last)
    assert rules.sent(frames.Welcome)


def test_a_hello_that_was_overtaken_by_a_later_one_locks_nobody_out() -> None:
    rules = Rules()
    rules.register()
    later = rules.hello(session_number=1)
    number = rules.only(frames.Welcome, later).session_number
    rules.hello(session_number=1)
    rules.hello(session_number=number)

    assert rules.sent(frames.Welcome)


def test_a_copy_of_the_state_directory_is_found_out() -> None:
    rules = Rules()
    rules.connect()
    copied = rules.worker().issued_number
    rules.connect()
    rules.hello(session_number=copied - 1, instance="the copy")

    refusal = rules.refusal()
    assert isinstance(refusal, SessionConflict)
    assert "another agent uses this worker's identity" in refusal.message
    assert "--replace" in refusal.do


def test_a_refused_hello_leaves_the_session_that_stands() -> None:
    rules = Rules()
    session = rules.connect()
    rules.hello(session_number=99)
    rules.start()

    assert [e.session for e in rules.followed(EndSession)] == []
    assert rules.sent(frames.Offer, session)


def test_an_unknown_worker_is_told_to_register() -> None:
    rules = Rules()
    rules.register()
    rules.hello(worker=WorkerId("00000000-0000-4000-8000-000000000000"))

    assert isinstance(rules.refusal(), WorkerUnknown)


# --- one session a worker -------------------------------------------------------------------


def test_a_new_session_ends_the_old_one() -> None:
    rules = Rules()
    old = rules.connect()
    rules.hello()

    ended = rules.followed(EndSession)
    assert [(e.session, e.refusal) for e in ended] == [(old, None)]


def test_what_the_old_stream_still_says_is_counted_and_changes_nothing() -> None:
    rules = Rules()
    old = rules.connect()
    rules.connect()
    before = rules.tables
    counted = [Count(worker=rules.worker().id, reason=SUPERSEDED)]

    assert rules.say(old, frames.Heartbeat(sequence=9)) == counted
    assert rules.say(old, frames.Leave(force=True)) == counted
    assert rules.end(old) == counted
    assert rules.lose(old) == []
    assert rules.tables == before


def test_what_a_lost_stream_still_says_is_ignored() -> None:
    rules = Rules()
    old = rules.connect()
    rules.lose(old)

    assert rules.say(old, frames.Heartbeat(sequence=9)) == []


def test_offers_of_the_old_stream_go_to_another_member() -> None:
    rules = Rules()
    first = rules.connect("web01")
    rules.start()
    assert rules.only(frames.Offer).job == job_id(1)
    second = rules.connect("web02")
    rules.hello("web01")

    assert [e.session for e in rules.followed(EndSession)] == [first]
    assert rules.only(frames.Offer, second).job == job_id(1)


def test_welcome_says_what_the_worker_must_keep() -> None:
    rules = Rules()
    rules.register()
    session = rules.hello()
    welcome = rules.only(frames.Welcome, session)

    assert (welcome.heartbeat_ms, welcome.lease_ms) == (10_000, 45_000)
    assert welcome.server_time_ms == rules.clock.unix_ms()


def test_heartbeats_are_spread_as_the_fleet_grows() -> None:
    patience = Patience()

    assert patience.heartbeat_for(499) == 10.0
    assert patience.heartbeat_for(500) == 11.0
    assert patience.heartbeat_for(5_000) == 20.0


# --- heartbeats -----------------------------------------------------------------------------


def test_a_heartbeat_is_answered_at_once_and_promises_nothing() -> None:
    rules = Rules()
    session = rules.connect()
    rules.say(session, frames.Heartbeat(sequence=7))

    ack = rules.only(frames.HeartbeatAck, session)
    assert (ack.sequence, ack.server_time_ms) == (7, rules.clock.unix_ms())
    assert not getattr(rules.effects[0], "promises", True)


def test_heartbeats_write_at_most_once_a_minute() -> None:
    rules = Rules()
    session = rules.connect()
    commits = rules.store.commits
    for sequence in range(2, 8):
        rules.wait(10)
        rules.say(session, frames.Heartbeat(sequence=sequence))

    assert rules.store.commits == commits + 1
    assert rules.worker().last_seen == rules.clock.unix_ms()


# --- frames that may not be -----------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        frames.Started(job=job_id(1), attempt=1),
        frames.NotStarted(job=job_id(1), attempt=1, reason="I say so"),
        frames.Started(job=job_id(9), attempt=1),
        frames.Goodbye(reason="out of place"),
    ],
)
def test_a_frame_about_a_job_of_another_worker_ends_the_stream(frame: frames.AgentFrame) -> None:
    rules = Rules()
    rules.running("web01")
    job = rules.job()
    session = rules.connect("web02")
    rules.say(session, frame)

    assert isinstance(rules.refusal(), ProtocolViolation)
    assert [e.session for e in rules.followed(EndSession)] == [session]
    assert [e.worker for e in rules.followed(Count)] == [rules.worker("web02").id]
    assert rules.job() == job


def test_not_started_after_started_ends_the_stream() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.say(session, frames.Started(job=job_id(1), attempt=1))
    rules.say(session, frames.NotStarted(job=job_id(1), attempt=1, reason="no"))

    assert isinstance(rules.refusal(), ProtocolViolation)


def test_an_attempt_that_is_over_is_acknowledged_so_that_the_worker_forgets_it() -> None:
    rules = Rules()
    session = rules.running()
    rules.end(session, code=0)
    rules.say(session, frames.Started(job=job_id(1), attempt=1))

    assert rules.only(frames.ResultAck, session) == frames.ResultAck(job=job_id(1), attempt=1)
    assert rules.job().status is JobStatus.COMPLETED
    assert rules.followed(Count)


# --- leaving --------------------------------------------------------------------------------


def test_a_draining_worker_is_offered_nothing_more() -> None:
    rules = Rules()
    session = rules.connect()
    rules.say(session, frames.Drain(reason="the agent ends"))
    rules.start()

    assert not rules.sent(frames.Offer)
    assert rules.why().workers == (("web01", "draining", "takes no new jobs"),)


def test_a_worker_may_leave_when_it_runs_nothing() -> None:
    rules = Rules()
    session = rules.connect()
    rules.say(session, frames.Leave())

    assert not rules.tables.workers
    assert [e.session for e in rules.followed(EndSession)] == [session]


def test_a_worker_that_runs_a_job_leaves_only_by_force() -> None:
    rules = Rules()
    session = rules.running()
    rules.say(session, frames.Leave())
    assert rules.refusal().reason == "IN_USE"
    assert rules.tables.workers

    rules.say(session, frames.Leave(force=True))
    assert not rules.tables.workers
    assert rules.job().status is JobStatus.SUSPENDED
