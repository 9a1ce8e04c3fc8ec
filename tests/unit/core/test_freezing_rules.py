"""Suspend and resume: a person asks, the worker does it, and only its word counts."""

from typing import Any

import pytest
from tests.support.rules import Rules, entry
from tests.support.samples import job_id

from farhand_server.core import events as on
from farhand_server.errors import JobNotResumable, JobNotSuspendable, ProtocolViolation
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import JobStatus, Suspension

FROZEN = frames.Frozen(job=job_id(1), attempt=1)
THAWED = frames.Thawed(job=job_id(1), attempt=1)
LEASE = 46


def suspend(rules: Rules) -> Any:
    return rules.ask(on.SuspendJob, job=job_id(1))


def resume(rules: Rules) -> Any:
    return rules.ask(on.ResumeJob, job=job_id(1))


def frozen() -> tuple[Rules, SessionId]:
    rules = Rules()
    session = rules.running()
    suspend(rules)
    rules.say(session, FROZEN)
    return rules, session


def test_suspended_is_said_when_the_worker_says_so() -> None:
    rules = Rules()
    session = rules.running()
    assert suspend(rules).status is JobStatus.SUSPENDING
    assert rules.only(frames.Freeze, session).attempt == 1

    rules.say(session, FROZEN)
    job = rules.job()
    assert (job.status, job.suspension) == (JobStatus.SUSPENDED, Suspension.FROZEN)
    assert (job.attempt, job.may_run) == (1, True)
    assert job.details == "frozen on web01, asked for by owner"


def test_a_frozen_job_goes_on_with_the_same_attempt() -> None:
    rules, session = frozen()
    assert resume(rules).status is JobStatus.RESUMING
    assert rules.only(frames.Thaw, session).attempt == 1

    rules.say(session, THAWED)
    assert (rules.job().status, rules.job().attempt) == (JobStatus.RUNNING, 1)
    rules.end(session, code=0)
    assert rules.job().status is JobStatus.COMPLETED


def test_a_frozen_job_holds_its_slot() -> None:
    rules = Rules()
    session = rules.connect(slots=1)
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    suspend(rules)
    rules.say(session, FROZEN)
    rules.start(2)

    assert not rules.sent(frames.Offer)
    assert rules.why(2).code == "no_free_slot"


def test_asking_twice_changes_nothing() -> None:
    rules, session = frozen()
    assert suspend(rules) == rules.job()
    resume(rules)
    assert resume(rules) == rules.job()
    assert not rules.sent(frames.Thaw, session)


def test_a_freeze_that_is_not_wanted_any_more_is_taken_back() -> None:
    rules = Rules()
    session = rules.running()
    suspend(rules)
    assert resume(rules).status is JobStatus.RESUMING

    rules.say(session, FROZEN)
    assert rules.job().status is JobStatus.RESUMING
    rules.say(session, THAWED)
    assert rules.job().status is JobStatus.RUNNING


@pytest.mark.parametrize("away", [0.0, LEASE], ids=["at once", "after a lease"])
@pytest.mark.parametrize(
    ("asked", "frame"), [(suspend, frames.Freeze), (resume, frames.Thaw)], ids=["freeze", "thaw"]
)
def test_what_was_asked_for_is_asked_again_after_a_hello(
    asked: Any, frame: Any, away: float
) -> None:
    rules, session = frozen()
    if asked is suspend:
        resume(rules)
        rules.say(session, THAWED)
    asked(rules)
    rules.lose(session)
    rules.wait(away)
    phase = "running" if asked is suspend else "frozen"
    session = rules.hello("web01", entry(phase=phase))

    assert rules.only(frame, session).attempt == 1


def test_a_frozen_job_whose_worker_is_away_is_disconnected_and_returns_frozen() -> None:
    rules, session = frozen()
    rules.lose(session)
    rules.wait(LEASE)
    assert rules.job().status is JobStatus.DISCONNECTED

    rules.hello("web01", entry(phase="frozen"))
    assert (rules.job().status, rules.job().suspension) == (JobStatus.SUSPENDED, Suspension.FROZEN)


def test_a_freeze_that_was_carried_out_unheard_is_told_by_the_next_hello() -> None:
    rules = Rules()
    session = rules.running()
    suspend(rules)
    rules.lose(session)
    rules.hello("web01", entry(phase="frozen"))

    assert rules.job().suspension is Suspension.FROZEN
    assert not rules.sent(frames.Freeze)


def test_a_job_that_was_resumed_unheard_runs() -> None:
    rules, session = frozen()
    resume(rules)
    rules.lose(session)
    session = rules.hello("web01", entry(phase="running"))

    assert rules.job().status is JobStatus.RUNNING
    assert not rules.sent(frames.Thaw, session)


def test_a_frozen_job_is_stopped_by_its_worker() -> None:
    rules, session = frozen()
    assert rules.stop().status is JobStatus.STOPPING
    assert rules.only(frames.Stop, session)

    rules.end(session, signal=15, stopped=True)
    assert rules.job().status is JobStatus.STOPPED


def test_a_frozen_job_that_ends_is_over() -> None:
    rules, session = frozen()
    rules.end(session, signal=9)

    assert (rules.job().status, rules.job().suspension) == (JobStatus.FAILED, None)


def test_a_frozen_job_whose_host_restarts_may_have_run() -> None:
    rules, _ = frozen()
    rules.hello("web01", boot_id="another", journal_id="another")

    assert rules.job().suspension is Suspension.INDETERMINATE
    assert not rules.job().may_run


def test_a_frozen_job_that_never_ran_goes_elsewhere() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    suspend(rules)
    rules.hello("web01")

    assert (rules.job().status, rules.job().suspension) == (JobStatus.NEW, None)


def in_state(state: JobStatus) -> Rules:
    if state is JobStatus.NEW:
        rules = Rules()
        rules.start()
        return rules
    rules, session = frozen()
    match state:
        case JobStatus.DISCONNECTED:
            rules.lose(session)
            rules.wait(LEASE)
        case JobStatus.STOPPING:
            rules.stop()
        case JobStatus.RESUMING:
            resume(rules)
        case JobStatus.COMPLETED:
            rules.end(session, code=0)
    return rules


@pytest.mark.parametrize(
    "state",
    [
        JobStatus.NEW,
        JobStatus.DISCONNECTED,
        JobStatus.STOPPING,
        JobStatus.RESUMING,
        JobStatus.COMPLETED,
    ],
)
def test_only_what_runs_can_be_frozen(state: JobStatus) -> None:
    rules = in_state(state)
    assert rules.job().status is state
    refusal = suspend(rules)

    assert isinstance(refusal, JobNotSuspendable)
    assert state.name.capitalize() in refusal.message


def test_only_what_is_suspended_can_be_resumed() -> None:
    rules = Rules()
    rules.running()

    assert isinstance(resume(rules), JobNotResumable)


@pytest.mark.parametrize("frame", [FROZEN, THAWED], ids=["frozen", "thawed"])
def test_nobody_else_says_how_it_stands(frame: Any) -> None:
    rules = Rules()
    rules.running()
    other = rules.connect("web02")
    rules.say(other, frame)

    assert isinstance(rules.refusal(), ProtocolViolation)
    assert rules.job().status is JobStatus.RUNNING


@pytest.mark.parametrize("frame", [FROZEN, THAWED], ids=["frozen", "thawed"])
def test_what_is_said_of_a_job_that_is_stopped_changes_nothing(frame: Any) -> None:
    rules = Rules()
    session = rules.running()
    rules.stop()
    rules.say(session, frame)

    assert rules.job().status is JobStatus.STOPPING
