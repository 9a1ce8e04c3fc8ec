"""A job from its start to its end."""

from typing import Any

import pytest
from tests.support import samples
from tests.support.rules import Rules, spool
from tests.support.samples import job_id
from tests.support.world.rows import SCRIPTS, digest

from farhand_server.core import events as on
from farhand_server.core.effects import CloseSpool, Count, Wake
from farhand_server.core.jobs import OTHER_OUTPUT
from farhand_server.errors import (
    GroupNotFound,
    JobExists,
    JobNotFound,
    JobNotStoppable,
    RunbookNotFound,
    RunbookNotPublished,
)
from farhand_server.model import frames
from farhand_server.model.job import End, JobStatus
from farhand_server.model.output import Extent
from farhand_server.model.runbook import RunbookType

# --- start ----------------------------------------------------------------------------------


def test_a_job_is_pinned_to_what_was_published_when_it_started() -> None:
    rules = Rules()
    job = rules.start(parameters='{"n": 1}', arguments=("1",))

    assert job == rules.job()
    assert (job.status, job.attempt, job.worker) == (JobStatus.NEW, 0, None)
    assert (job.runbook_version, job.digest) == (1, digest(SCRIPTS[RunbookType.BASH]))
    assert (job.parameters, job.arguments, job.started_by) == ('{"n": 1}', ("1",), "owner")
    assert job.created == rules.clock.unix_ms()


def test_the_same_start_again_is_the_same_job() -> None:
    rules = Rules()
    first = rules.start()
    commits = rules.store.commits

    assert rules.start() == first
    assert rules.store.commits == commits


@pytest.mark.parametrize(
    "fields",
    [{"runbook": "python"}, {"run_on": "dc2"}, {"parameters": '{"n": 2}'}],
    ids=["runbook", "group", "parameters"],
)
def test_the_same_id_with_something_else_is_refused(fields: dict[str, Any]) -> None:
    rules = Rules()
    rules.start()
    refusal = rules.start(**fields)

    assert isinstance(refusal, JobExists)
    assert "was started with something else" in refusal.message


def test_a_job_id_of_another_account_cannot_be_taken() -> None:
    rules = Rules()
    rules.start()

    assert isinstance(rules.start(by=samples.STRANGER), JobExists)


def test_an_unknown_runbook_is_refused() -> None:
    refusal = Rules().start(runbook="nothing")

    assert isinstance(refusal, RunbookNotFound)
    assert refusal.do == "see: farhand runbook list"


def test_an_unknown_group_is_refused() -> None:
    refusal = Rules().start(run_on="nowhere")

    assert isinstance(refusal, GroupNotFound)
    assert "first worker joins" in refusal.why


def test_a_runbook_without_a_published_version_is_refused() -> None:
    rules = Rules()
    rules.ask(
        on.ImportRunbook,
        name="draft",
        type=RunbookType.BASH,
        digest=samples.sha256(b"true\n"),
        script=b"true\n",
    )
    refusal = rules.start(runbook="draft")

    assert isinstance(refusal, RunbookNotPublished)
    assert refusal.do.startswith("publish it: farhand runbook publish draft, or test")


# --- started --------------------------------------------------------------------------------


def test_started_is_written_after_a_moment() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.wait(1)
    since = rules.clock.unix_ms()
    rules.say(session, frames.Started(job=job_id(1), attempt=1))
    assert rules.job().status is JobStatus.ACTIVATING

    rules.wait(0.1)
    assert (rules.job().status, rules.job().started) == (JobStatus.RUNNING, since)
    assert [wake.job for wake in rules.followed(Wake)] == [rules.job()]


def test_a_result_carries_started_without_a_commit_of_its_own() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.wait(1)
    since = rules.clock.unix_ms()
    rules.say(session, frames.Started(job=job_id(1), attempt=1))
    commits = rules.store.commits
    rules.end(session, code=0)
    rules.wait(1)

    assert rules.store.commits == commits + 1
    assert (rules.job().status, rules.job().started) == (JobStatus.COMPLETED, since)


# --- results --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "status", "details"),
    [
        ({"code": 0}, JobStatus.COMPLETED, ""),
        ({"code": 7}, JobStatus.FAILED, "the runbook ended with exit code 7"),
        ({"signal": 9}, JobStatus.FAILED, "the runbook was ended by signal 9"),
        ({"reason": "the runner was lost"}, JobStatus.FAILED, "the runner was lost"),
    ],
)
def test_a_result_makes_the_job_final(end: dict[str, Any], status: JobStatus, details: str) -> None:
    rules = Rules()
    session = rules.running()
    rules.end(session, **end)

    job = rules.job()
    assert (job.status, job.details, job.end) == (status, details, End(**end))
    assert (job.ended, job.output_bytes) == (rules.clock.unix_ms(), 3)
    assert rules.only(frames.ResultAck, session) == frames.ResultAck(job=job_id(1), attempt=1)
    assert rules.followed(CloseSpool) == [CloseSpool(session=session, spool=spool())]
    assert [wake.job for wake in rules.followed(Wake)] == [job]
    assert rules.tables.attempts[job_id(1), 1].outcome == details or status.name


@pytest.mark.parametrize(
    ("code", "status", "before"),
    [
        (0, JobStatus.COMPLETED, ""),
        (7, JobStatus.FAILED, "the runbook ended with exit code 7; "),
    ],
)
def test_a_job_whose_output_never_agreed_has_its_own_end_and_says_so(
    code: int, status: JobStatus, before: str
) -> None:
    rules = Rules()
    session = rules.running()
    end = End(code=code)
    result = frames.Result(job=job_id(1), attempt=1, end=end, size=40, crc=7)
    extent = Extent(stored=40, durable=40, crc=8, mismatch="CRC-32 7 there, 8 here")
    rules.handle(on.Ended(session=session, result=result, extent=extent))

    assert (rules.job().status, rules.job().end) == (status, end)
    assert rules.job().details == before + OTHER_OUTPUT
    assert rules.only(frames.ResultAck, session)


def test_a_result_that_arrives_twice_is_acknowledged_twice_and_changes_nothing() -> None:
    rules = Rules()
    session = rules.running()
    rules.end(session, code=7)
    job = rules.job()
    rules.end(session, code=0)

    assert rules.job() == job
    assert rules.only(frames.ResultAck, session).attempt == 1
    assert [e.reason for e in rules.followed(Count)] == ["Result of an attempt that is over"]


def test_a_result_of_an_older_attempt_is_counted_and_changes_nothing() -> None:
    rules = Rules()
    first = rules.connect("web01", slots=9)
    other = rules.connect("web02")
    rules.start()
    rules.accept(first, rules.only(frames.Offer))
    rules.say(first, frames.NotStarted(job=job_id(1), attempt=1, reason="no"))
    rules.accept(other, rules.only(frames.Offer, other))
    job = rules.job()
    rules.end(first, attempt=1, code=0)

    assert rules.job() == job
    assert rules.only(frames.ResultAck, first).attempt == 1
    assert rules.followed(Count)


def test_a_result_on_a_lost_session_waits_for_the_next_one() -> None:
    rules = Rules()
    session = rules.running()
    rules.lose(session)

    assert rules.end(session, code=0) == []
    assert rules.job().status is JobStatus.RUNNING


def test_a_final_job_stays_as_it_is_when_its_start_is_written_late() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    rules.say(session, frames.Started(job=job_id(1), attempt=1))
    rules.stop()
    rules.end(session, signal=15, stopped=True)
    job = rules.job()
    assert job.status is JobStatus.STOPPED

    rules.wait(1)
    assert rules.job() == job


# --- stop -----------------------------------------------------------------------------------


def test_a_job_that_waits_is_stopped_at_once() -> None:
    rules = Rules()
    rules.start()
    answer = rules.stop()

    assert answer == rules.job()
    assert (answer.status, answer.details) == (JobStatus.STOPPED, "stopped before it ran")
    assert answer.ended == rules.clock.unix_ms()


def test_a_job_that_is_offered_is_stopped_and_the_offer_withdrawn() -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    offer = rules.only(frames.Offer)
    rules.stop()

    assert rules.only(frames.Withdraw, session).offer == offer.offer
    assert rules.job().status is JobStatus.STOPPED


@pytest.mark.parametrize("started", [False, True])
def test_a_granted_job_is_stopped_only_when_its_worker_says_so(started: bool) -> None:
    rules = Rules()
    session = rules.connect()
    rules.start()
    rules.accept(session, rules.only(frames.Offer))
    if started:
        rules.say(session, frames.Started(job=job_id(1), attempt=1))
        rules.wait(1)
    rules.stop()
    stop = rules.only(frames.Stop, session)
    assert (stop.job, stop.attempt, stop.grace_ms) == (job_id(1), 1, 30_000)
    assert rules.job().status is JobStatus.STOPPING

    rules.end(session, signal=15, stopped=True)
    assert (rules.job().status, rules.job().details) == (JobStatus.STOPPED, "stopped on request")


@pytest.mark.parametrize(
    ("end", "status"),
    [({"code": 0}, JobStatus.COMPLETED), ({"code": 3}, JobStatus.FAILED)],
)
def test_a_stop_that_lost_the_race_is_no_stop(end: dict[str, int], status: JobStatus) -> None:
    rules = Rules()
    session = rules.running()
    rules.stop()
    rules.end(session, **end)

    assert rules.job().status is status


def test_a_script_that_was_stopped_is_stopped_with_any_code() -> None:
    rules = Rules()
    session = rules.running()
    rules.stop()
    rules.end(session, code=0, stopped=True)

    assert rules.job().status is JobStatus.STOPPED


def test_a_stop_is_asked_for_once() -> None:
    rules = Rules()
    rules.running()
    rules.stop()
    commits = rules.store.commits

    assert rules.stop() == rules.job()
    assert not rules.sent(frames.Stop)
    assert rules.store.commits == commits


def test_a_job_whose_worker_is_away_is_stopped_when_it_returns() -> None:
    rules = Rules()
    session = rules.running()
    rules.lose(session)
    rules.wait(46)
    assert rules.job().status is JobStatus.DISCONNECTED
    answer = rules.stop()

    assert answer.status is JobStatus.STOPPING
    assert "it is stopped when it returns" in answer.details
    assert not rules.sent(frames.Stop)


def test_a_suspended_job_is_stopped_at_once_and_keeps_its_story() -> None:
    rules = Rules()
    rules.running()
    rules.hello(boot_id="another boot", journal_id="another journal")
    suspended = rules.job().details
    answer = rules.stop()

    assert answer.status is JobStatus.STOPPED
    assert suspended in answer.details


@pytest.mark.parametrize("end", [{"code": 0}, {"code": 1}])
def test_a_job_that_is_over_cannot_be_stopped(end: dict[str, int]) -> None:
    rules = Rules()
    session = rules.running()
    rules.end(session, **end)
    refusal = rules.stop()

    assert isinstance(refusal, JobNotStoppable)
    assert rules.job().status.name.capitalize() in refusal.message


@pytest.mark.parametrize("kind", [on.StopJob, on.Explain])
def test_jobs_of_another_account_do_not_exist(kind: type) -> None:
    rules = Rules()
    rules.start()

    assert isinstance(rules.ask(kind, by=samples.STRANGER, job=job_id(1)), JobNotFound)
    assert isinstance(rules.ask(kind, job=job_id(2)), JobNotFound)
