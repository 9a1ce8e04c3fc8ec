"""What silence means: for a session, for its jobs, and after a start."""

import pytest
from tests.support.rules import Rules, entry
from tests.support.samples import job_id

from farhand_server.core.effects import EndSession, Wake
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import JobStatus


def beat(rules: Rules, session: SessionId, seconds: int) -> None:
    """A heartbeat each ten seconds."""
    for sequence in range(2, 2 + seconds // 10):
        rules.wait(10)
        rules.say(session, frames.Heartbeat(sequence=sequence))


def test_a_session_that_is_heard_lives() -> None:
    rules = Rules()
    session = rules.connect()
    beat(rules, session, 300)
    rules.start()

    assert rules.sent(frames.Offer, session)


def test_a_session_without_a_word_for_a_lease_ends() -> None:
    rules = Rules()
    session = rules.connect()
    assert not [e for e in rules.wait(44) if isinstance(e, EndSession)]

    rules.wait(1)
    assert [(e.session, e.reason) for e in rules.followed(EndSession)] == [
        (session, "no heartbeat within the lease")
    ]


def test_a_worker_that_beats_and_does_not_answer_a_grant_is_asked_what_it_has() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    ends: list[EndSession] = []
    sequence = 1
    while not ends:
        sequence += 1
        rules.say(session, frames.Heartbeat(sequence=sequence))
        ends = [effect for effect in rules.wait(10) if isinstance(effect, EndSession)]
    assert [end.reason for end in ends] == ["a grant was not answered within the lease"]
    assert sequence * 10 <= 2 * 45
    assert rules.job().status is JobStatus.ACTIVATING

    again = rules.connect()
    assert rules.job().status is JobStatus.NEW
    assert not rules.sent(frames.Offer, again), "others are asked first"
    assert rules.sent(frames.Offer, rules.connect("web02"))


def test_a_grant_that_was_answered_needs_no_other_answer() -> None:
    rules = Rules()
    session = rules.running()
    ends = []
    for sequence in range(2, 30):
        ends += [e for e in rules.wait(10) if isinstance(e, EndSession)]
        rules.say(session, frames.Heartbeat(sequence=sequence))

    assert not ends


def test_jobs_of_a_lost_worker_run_on_for_a_lease_and_are_disconnected_then() -> None:
    rules = Rules()
    session = rules.running()
    rules.say(session, frames.Heartbeat(sequence=2))
    rules.lose(session)
    rules.wait(44)
    assert rules.job().status is JobStatus.RUNNING

    rules.wait(1)
    assert rules.job().status is JobStatus.DISCONNECTED
    assert "may still be running there" in rules.job().details
    assert [wake.job for wake in rules.followed(Wake)] == [rules.job()]


def test_a_job_that_was_granted_and_not_seen_is_disconnected_too() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.lose(session)
    rules.wait(46)

    assert rules.job().status is JobStatus.DISCONNECTED


@pytest.mark.parametrize("noticed", [0, 15, 30])
def test_a_lease_counts_from_the_last_frame_however_late_the_loss_is_noticed(noticed: int) -> None:
    rules = Rules()
    session = rules.running()
    rules.say(session, frames.Heartbeat(sequence=2))
    rules.wait(noticed)
    rules.lose(session)
    rules.wait(44 - noticed)
    assert rules.job().status is JobStatus.RUNNING

    rules.wait(1)
    assert rules.job().status is JobStatus.DISCONNECTED


def test_a_session_that_falls_silent_costs_its_jobs_no_second_lease() -> None:
    rules = Rules()
    session = rules.running()
    rules.say(session, frames.Heartbeat(sequence=2))
    rules.wait(44)
    assert rules.job().status is JobStatus.RUNNING

    rules.wait(1)
    assert rules.job().status is JobStatus.DISCONNECTED


def test_a_worker_that_returns_in_time_is_never_missed() -> None:
    rules = Rules()
    session = rules.running()
    rules.lose(session)
    rules.wait(40)
    session = rules.connect("web01", journal=(entry(),))
    beat(rules, session, 60)

    assert rules.job().status is JobStatus.RUNNING


def test_a_disconnected_job_is_running_again_when_its_worker_returns() -> None:
    rules = Rules()
    session = rules.running()
    started = rules.job().started
    rules.lose(session)
    rules.wait(3600)
    rules.hello("web01", entry())

    assert (rules.job().status, rules.job().started) == (JobStatus.RUNNING, started)


def test_a_job_that_is_being_stopped_stays_so_while_its_worker_is_away() -> None:
    rules = Rules()
    session = rules.running()
    rules.stop()
    rules.lose(session)
    rules.wait(3600)

    assert rules.job().status is JobStatus.STOPPING


def test_after_a_start_workers_have_two_leases_to_come_back() -> None:
    rules = Rules()
    rules.running()
    rules.begin()
    rules.wait(89)
    assert rules.job().status is JobStatus.RUNNING

    rules.wait(2)
    assert rules.job().status is JobStatus.DISCONNECTED


def test_after_a_start_a_worker_that_came_back_is_not_missed() -> None:
    rules = Rules()
    rules.running()
    rules.begin()
    rules.wait(50)
    session = rules.connect("web01", journal=(entry(),))
    beat(rules, session, 60)

    assert rules.job().status is JobStatus.RUNNING


def test_after_a_start_jobs_that_waited_are_offered_to_whoever_connects() -> None:
    rules = Rules()
    rules.start()
    rules.begin()
    rules.connect()

    assert rules.only(frames.Offer).job == job_id(1)


def test_after_a_start_open_offers_are_forgotten() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    offer = rules.only(frames.Offer)
    rules.begin()

    assert rules.accept(session, offer) == []
    assert rules.job().status is JobStatus.NEW


def test_alarms_do_not_pile_up() -> None:
    rules = Rules()
    session = rules.connect()
    for number in range(1, 101):
        rules.start(number)
        rules.accept(session, rules.only(frames.Offer))
        rules.say(session, frames.Started(job=job_id(number), attempt=1))
        rules.wait(0.1)
        rules.end(session, number, code=0)
    before = rules.ticks
    beat(rules, session, 600)

    assert rules.ticks - before < 600
