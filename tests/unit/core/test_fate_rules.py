"""Attempts that may have run and will not report: who starts them again, and who must not."""

from typing import Any

import pytest
from tests.support.rules import Rules, entry
from tests.support.samples import job_id

from farhand_server.core import events as on
from farhand_server.core.fates import EXHAUSTED
from farhand_server.errors import JobNotStoppable
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import JobStatus, Suspension
from farhand_server.model.runbook import Delivery

DAY, MINUTE, LEASE = 86_400, 60, 45


def running(delivery: Delivery = Delivery.AT_MOST_ONCE, **settings: int) -> tuple[Rules, SessionId]:
    """A job of this delivery that runs on web01."""
    rules = Rules()
    fields = {"delivery", *settings}
    rules.ask(
        on.UpdateRunbook, name="bash", fields=frozenset(fields), delivery=delivery, **settings
    )
    return rules, rules.running()


def reboot(rules: Rules, boot: str) -> SessionId:
    """web01 comes back after a restart of its host, without any attempt."""
    session = rules.hello(boot_id=boot, journal_id=f"journal of {boot}")
    rules.say(session, frames.Heartbeat(sequence=1))
    return session


# --- patience with a Disconnected job -------------------------------------------------------


@pytest.mark.parametrize(
    ("delivery", "patience"),
    [(Delivery.AT_MOST_ONCE, DAY), (Delivery.AT_LEAST_ONCE, 5 * MINUTE)],
)
def test_a_disconnected_job_is_given_up_after_its_own_patience(
    delivery: Delivery, patience: int
) -> None:
    rules, session = running(delivery)
    rules.lose(session)
    rules.wait(LEASE + patience - 3)
    assert rules.job().status is JobStatus.DISCONNECTED

    rules.wait(3)
    given_up = JobStatus.SUSPENDED if delivery is Delivery.AT_MOST_ONCE else JobStatus.NEW
    assert rules.job().status is given_up


def test_a_runbook_has_a_patience_of_its_own() -> None:
    rules, session = running(lost_after=600)
    rules.lose(session)
    rules.wait(LEASE + 597)
    assert rules.job().status is JobStatus.DISCONNECTED
    assert "After 10 min: Suspended" in rules.job().details

    rules.wait(3)
    assert rules.job().suspension is Suspension.INDETERMINATE
    assert "web01 has been out of contact for 10 min" in rules.job().details


def test_restarts_of_the_server_do_not_defer_it_for_ever() -> None:
    rules, session = running(lost_after=3600)
    rules.lose(session)
    for _ in range(100):  # hours
        rules.wait(10 * MINUTE)
        rules.begin()
        if rules.job().status is not JobStatus.DISCONNECTED:
            break

    assert rules.job().suspension is Suspension.INDETERMINATE
    assert rules.job().away_ms >= 3_600_000


def test_an_absence_is_written_down_once_a_minute() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE)
    commits = rules.store.commits
    rules.wait(10 * MINUTE)

    assert rules.job().away_ms == 600_000
    assert rules.store.commits == commits + 10


def test_a_worker_that_returns_is_not_missed_any_more() -> None:
    rules, session = running(lost_after=600)
    for _ in range(3):
        rules.lose(session)
        rules.wait(LEASE + 500)
        session = rules.hello("web01", entry())
        rules.say(session, frames.Heartbeat(sequence=1))
        assert (rules.job().status, rules.job().away_ms) == (JobStatus.RUNNING, 0)


def test_the_clock_on_the_wall_decides_nothing() -> None:
    rules, session = running(lost_after=600)
    year_ms = 365 * DAY * 1000
    rules.lose(session)
    for step in (year_ms, -2 * year_ms, year_ms):
        rules.clock.wall_ms += step
        rules.wait(LEASE)
        assert rules.job().status is JobStatus.DISCONNECTED


# --- at most once ---------------------------------------------------------------------------


def test_what_may_have_run_waits_for_a_person() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE + DAY + 1)

    assert rules.job().suspension is Suspension.INDETERMINATE
    assert rules.job().may_run
    assert rules.job().attempt == 1


def test_the_late_truth_wins_after_it_was_given_up() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE + DAY + 1)
    session = rules.hello("web01", entry())
    assert rules.job().status is JobStatus.RUNNING

    rules.end(session, code=0)
    assert (rules.job().status, rules.job().attempt) == (JobStatus.COMPLETED, 1)


def test_a_person_may_start_it_once_more() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE + DAY + 1)
    other = rules.connect("web02")
    answer = rules.ask(on.ResumeJob, job=job_id(1))

    assert answer.status is JobStatus.NEW
    rules.accept(other, rules.only(frames.Offer, other))
    assert (rules.job().attempt, rules.job().worker_name) == (2, "web02")


def test_the_old_attempt_is_not_taken_up_after_a_person_has_decided() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE + DAY + 1)
    rules.ask(on.ResumeJob, job=job_id(1))
    rules.hello("web01", entry())

    (verdict,) = rules.only(frames.Welcome).verdicts
    assert isinstance(verdict, frames.Discard)
    assert rules.job().status is JobStatus.NEW


# --- at least once --------------------------------------------------------------------------


def test_three_attempts_then_azures_words() -> None:
    rules, _ = running(Delivery.AT_LEAST_ONCE)
    for number in (2, 3):
        session = reboot(rules, f"boot {number}")
        rules.accept(session, rules.only(frames.Offer, session))
        assert (rules.job().status, rules.job().attempt) == (JobStatus.ACTIVATING, number)
    reboot(rules, "boot 4")

    job = rules.job()
    assert (job.status, job.suspension) == (JobStatus.SUSPENDED, Suspension.EXHAUSTED)
    assert job.details.startswith(EXHAUSTED)
    assert (job.attempt, job.counted) == (3, 3)


def test_an_attempt_that_turns_up_after_all_is_counted_once() -> None:
    rules, session = running(Delivery.AT_LEAST_ONCE)
    for number in (2, 3):
        session = reboot(rules, f"boot {number}")
        rules.accept(session, rules.only(frames.Offer, session))
    rules.lose(session)
    rules.wait(LEASE + 301)
    assert rules.job().suspension is Suspension.EXHAUSTED

    session = rules.hello("web01", entry(attempt=3), boot_id="boot 3", journal_id="j")
    assert (rules.job().status, rules.job().counted) == (JobStatus.RUNNING, 2)
    rules.end(session, attempt=3, reason="the runner was lost", lost=True)
    assert (rules.job().suspension, rules.job().counted) == (Suspension.EXHAUSTED, 3)


def test_an_attempt_that_never_ran_does_not_count() -> None:
    rules = Rules()
    rules.ask(on.UpdateAccount, delivery=Delivery.AT_LEAST_ONCE)
    session = rules.connect()
    rules.start()
    for number in range(1, 6):
        rules.accept(session, rules.only(frames.Offer, session))
        rules.say(session, frames.NotStarted(job=job_id(1), attempt=number, reason="no disk"))
        rules.wait(40)
        rules.say(session, frames.Heartbeat(sequence=number + 1))
        rules.wait(21)

    assert (rules.job().attempt, rules.job().counted) == (5, 0)


def test_the_account_decides_where_the_runbook_does_not() -> None:
    rules = Rules()
    rules.ask(on.UpdateAccount, delivery=Delivery.AT_LEAST_ONCE)
    rules.start()

    assert rules.job().delivery is Delivery.AT_LEAST_ONCE
    assert rules.job().lost_after == 300


def test_a_job_keeps_what_it_was_started_with() -> None:
    rules = Rules()
    rules.start()
    rules.ask(on.UpdateAccount, delivery=Delivery.AT_LEAST_ONCE)

    assert rules.start().delivery is Delivery.AT_MOST_ONCE


def test_a_fenced_attempt_is_discarded_when_its_worker_returns() -> None:
    rules, session = running(Delivery.AT_LEAST_ONCE)
    rules.lose(session)
    rules.wait(LEASE + 301)
    other = rules.connect("web02")
    rules.accept(other, rules.only(frames.Offer, other))
    rules.hello("web01", entry())

    (verdict,) = rules.only(frames.Welcome).verdicts
    assert isinstance(verdict, frames.Discard)
    assert (rules.job().attempt, rules.job().worker_name) == (2, "web02")


# --- a lost runner --------------------------------------------------------------------------


def test_a_result_of_a_lost_runner_is_no_end() -> None:
    rules, session = running()
    rules.end(session, reason="the runner was lost while the runbook ran", lost=True)

    job = rules.job()
    assert (job.status, job.suspension) == (JobStatus.SUSPENDED, Suspension.INDETERMINATE)
    assert "the runner was lost" in job.details
    assert not job.may_run
    assert rules.only(frames.ResultAck, session)


def test_a_lost_runner_costs_an_attempt_of_a_job_that_may_run_again() -> None:
    rules, session = running(Delivery.AT_LEAST_ONCE)
    rules.end(session, reason="the runner was lost", lost=True)

    rules.accept(session, rules.only(frames.Offer, session))
    assert (rules.job().attempt, rules.job().counted) == (2, 1)


# --- stop -----------------------------------------------------------------------------------


def test_a_stop_that_was_never_confirmed_is_not_stopped() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE + 1)
    rules.stop()
    assert rules.job().status is JobStatus.STOPPING

    rules.wait(DAY + LEASE + 2)
    assert rules.job().suspension is Suspension.INDETERMINATE
    assert "whether the stop was carried out is not known" in rules.job().details


def test_a_stop_waits_for_the_worker_of_a_job_that_was_given_up() -> None:
    rules, session = running()
    rules.lose(session)
    rules.wait(LEASE + DAY + 1)
    assert rules.stop().status is JobStatus.STOPPING

    session = rules.hello("web01", entry())
    assert rules.only(frames.Stop, session).grace_ms == 30_000
    rules.end(session, signal=15, stopped=True)
    assert rules.job().status is JobStatus.STOPPED


def test_a_stop_that_nobody_can_confirm_is_refused_with_what_to_do() -> None:
    rules, session = running()
    rules.say(session, frames.Leave(force=True))
    refusal = rules.stop()

    assert isinstance(refusal, JobNotStoppable)
    assert "force-close" in refusal.do


def test_a_grace_is_kept_for_the_worker_that_returns() -> None:
    rules, session = running()
    rules.lose(session)
    rules.ask(on.StopJob, job=job_id(1), grace_ms=5_000)
    session = rules.hello("web01", entry())

    assert rules.only(frames.Stop, session).grace_ms == 5_000


def test_a_second_stop_may_shorten_the_grace() -> None:
    rules, session = running()
    rules.stop()
    rules.ask(on.StopJob, job=job_id(1), grace_ms=0)

    assert rules.only(frames.Stop, session).grace_ms == 0


# --- force-close ----------------------------------------------------------------------------


def force_close(rules: Rules) -> Any:
    return rules.ask(on.ForceCloseJob, job=job_id(1), reason="the rack is gone")


def test_a_job_that_was_given_up_by_a_person_is_failed_for_good() -> None:
    rules, session = running()
    rules.lose(session)
    closed = force_close(rules)

    assert (closed.status, closed.end) == (JobStatus.FAILED, None)
    assert "force-closed by owner: the rack is gone" in closed.details
    assert "may still run on web01" in closed.details
    rules.hello("web01", entry())
    assert isinstance(rules.only(frames.Welcome).verdicts[0], frames.Discard)
    assert rules.job() == closed


def test_a_worker_in_contact_is_told_to_end_it() -> None:
    rules, session = running()
    closed = force_close(rules)
    assert rules.only(frames.Stop, session).attempt == 1

    rules.end(session, signal=15, stopped=True)
    assert rules.job() == closed
    assert rules.only(frames.ResultAck, session)


def test_a_waiting_job_can_be_given_up_too() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    offer = rules.only(frames.Offer, session)
    force_close(rules)
    assert rules.only(frames.Withdraw, session).offer == offer.offer

    rules.accept(session, offer)
    assert not rules.sent(frames.Grant)
    assert rules.job().status is JobStatus.FAILED


def test_what_is_over_cannot_be_given_up() -> None:
    rules, session = running()
    rules.end(session, code=0)

    assert isinstance(force_close(rules), JobNotStoppable)
