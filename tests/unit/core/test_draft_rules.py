"""Test runs: the draft of a runbook, run with real effects, and no history of it."""

from typing import Any

import pytest
from tests.support.rules import Rules, entry
from tests.support.samples import job_id, sha256

from farhand_server.core import events as on
from farhand_server.core.effects import RemoveOutput
from farhand_server.errors import InUse, InvalidRequest, JobExists, JobNotFound
from farhand_server.model import frames
from farhand_server.model.job import JobStatus
from farhand_server.model.runbook import RunbookType

PUBLISHED, DRAFT, NEWER = b"echo published\n", b"echo draft\n", b"echo newer\n"
DECLARING = b"# /// farhand\n# [parameters.count]\n# type = 'integer'\n# required = true\n# ///\n"


def imported(rules: Rules, script: bytes, **fields: Any) -> Any:
    values = {
        "name": "bash",
        "type": RunbookType.BASH,
        "digest": sha256(script),
        "script": script,
        "force": True,
    }
    return rules.ask(on.ImportRunbook, **{**values, **fields})


def trial(rules: Rules, number: int = 1, **fields: Any) -> Any:
    return rules.start(number, test=True, **fields)


def over(rules: Rules, number: int = 1) -> None:
    """A test that ran to its end."""
    session = rules.connect()
    trial(rules, number)
    rules.accept(session, rules.only(frames.Offer, session))
    rules.end(session, number, code=0)
    assert rules.job(number).status is JobStatus.COMPLETED


@pytest.fixture
def rules() -> Rules:
    """The published runbook `bash` has a draft that differs."""
    made = Rules()
    imported(made, PUBLISHED, publish=True)
    imported(made, DRAFT)
    return made


# --- what runs ------------------------------------------------------------------------------


def test_a_test_runs_the_draft_as_it_was_and_a_job_what_is_published(rules: Rules) -> None:
    test, job = trial(rules, 1), rules.start(2)
    imported(rules, NEWER)

    assert (test.test, test.runbook_version, test.digest) == (True, 0, sha256(DRAFT))
    assert (job.test, job.runbook_version, job.digest) == (False, 2, sha256(PUBLISHED))
    session = rules.connect()
    offers = rules.sent(frames.Offer, session)
    rules.accept(session, offers[0])
    grant = rules.only(frames.Grant, session)
    assert (grant.script, grant.runbook_version) == (DRAFT, 0)


def test_a_runbook_that_was_never_published_can_be_tested(rules: Rules) -> None:
    imported(rules, DRAFT, name="fresh")

    assert trial(rules, runbook="fresh").digest == sha256(DRAFT)


def test_parameters_are_those_that_the_draft_declares(rules: Rules) -> None:
    imported(rules, DECLARING)
    refused = trial(rules)

    assert isinstance(refused, InvalidRequest)
    assert [v.field for v in refused.violations] == ["parameters.count"]
    assert trial(rules, parameters='{"count": 3}').arguments == ("3",)
    assert rules.start(2).parameters == "{}"


def test_a_test_shows_what_azure_shows_whatever_the_runbooks_jobs_show(rules: Rules) -> None:
    switches = {"log_verbose": True, "log_progress": True}
    rules.ask(on.UpdateRunbook, name="bash", fields=frozenset(switches), **switches)
    test, job = trial(rules, 1), rules.start(2)

    assert (test.log_verbose, test.log_progress) == (False, False)
    assert (job.log_verbose, job.log_progress) == (True, True)


def test_the_same_test_again_is_the_same_test_whatever_became_of_the_draft(rules: Rules) -> None:
    first = trial(rules)
    imported(rules, NEWER)

    assert trial(rules) == first
    assert isinstance(rules.start(), JobExists)


# --- what becomes of it ---------------------------------------------------------------------


def test_the_next_test_removes_the_one_before_output_first(rules: Rules) -> None:
    over(rules, 1)
    trial(rules, 2)

    assert rules.followed(RemoveOutput) == [RemoveOutput(job=job_id(1))]
    assert rules.job(1).status is JobStatus.REMOVING
    rules.handle(on.OutputRemoved(job=job_id(1)))
    assert set(rules.tables.jobs) == {job_id(2)}
    assert {job for job, _ in rules.tables.attempts} <= {job_id(2)}


def test_a_test_that_is_being_removed_is_found_by_nobody(rules: Rules) -> None:
    over(rules, 1)
    trial(rules, 2)

    assert isinstance(rules.stop(1), JobNotFound)
    assert isinstance(trial(rules, 1), JobExists)


def test_a_server_that_starts_goes_on_removing(rules: Rules) -> None:
    over(rules, 1)
    trial(rules, 2)

    assert rules.begin() == [RemoveOutput(job=job_id(1))]


def test_jobs_and_tests_of_other_runbooks_stay(rules: Rules) -> None:
    over(rules, 1)
    rules.start(2)
    trial(rules, 3, runbook="again")

    assert not rules.followed(RemoveOutput)
    assert rules.job(1).status is JobStatus.COMPLETED


def test_a_test_that_runs_is_not_removed(rules: Rules) -> None:
    session = rules.connect()
    trial(rules, 1)
    rules.accept(session, rules.only(frames.Offer, session))
    trial(rules, 2)

    assert not rules.followed(RemoveOutput)
    assert rules.job(1).status is JobStatus.ACTIVATING


def test_a_test_that_was_given_up_stays_as_long_as_a_worker_may_bring_it_back(
    rules: Rules,
) -> None:
    session = rules.connect()
    trial(rules, 1)
    rules.accept(session, rules.only(frames.Offer, session))
    rules.say(session, frames.Started(job=job_id(1), attempt=1))
    rules.ask(on.ForceCloseJob, job=job_id(1), reason="it hangs")
    trial(rules, 2)
    assert not rules.followed(RemoveOutput)
    rules.lose(session)
    trial(rules, 3)
    assert not rules.followed(RemoveOutput)

    again = rules.hello("web01", entry(1))
    assert rules.only(frames.Welcome, again).verdicts == (
        frames.Discard(job=job_id(1), attempt=1, reason="the job is over"),
    )
    trial(rules, 4)
    assert rules.followed(RemoveOutput) == [RemoveOutput(job=job_id(1))]


def test_tests_go_with_their_runbook_and_jobs_stay(rules: Rules) -> None:
    over(rules, 1)
    rules.start(2)
    rules.stop(2)
    rules.ask(on.DeleteRunbook, name="bash")

    assert rules.followed(RemoveOutput) == [RemoveOutput(job=job_id(1))]
    assert rules.job(2).status is JobStatus.STOPPED


def test_a_runbook_with_a_test_that_is_not_over_is_not_deleted(rules: Rules) -> None:
    trial(rules)

    assert isinstance(rules.ask(on.DeleteRunbook, name="bash"), InUse)
