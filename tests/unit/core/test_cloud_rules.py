"""Jobs that name no group: they are for the control plane's own worker."""

from dataclasses import replace

import pytest
from tests.support.memory import Tables
from tests.support.rules import Rules
from tests.support.world.rows import GROUP, TIMEOUT, first_rows

from farhand_server.core import events as on
from farhand_server.errors import GroupNotFound
from farhand_server.model.identifiers import GroupId
from farhand_server.model.job import Job
from farhand_server.model.runbook import RunbookType
from farhand_wire import limits

AWAY = "the control plane was started with --no-cloud"


def rows() -> Tables:
    tables = first_rows()
    cloud = replace(GROUP, id=GroupId(2), name="cloud")
    return replace(tables, groups={**tables.groups, cloud.id: cloud})


@pytest.fixture
def rules() -> Rules:
    return Rules(tables=rows())


def test_a_job_without_a_group_is_for_the_cloud(rules: Rules) -> None:
    job = rules.start(run_on="")

    assert isinstance(job, Job)
    assert (job.group, job.group_name) == (GroupId(2), "cloud")
    assert rules.start(run_on="") == rules.start(run_on="cloud") == job


def test_jobs_in_the_cloud_end_after_azures_fair_share_unless_their_runbook_says_otherwise(
    rules: Rules,
) -> None:
    assert rules.start(1, run_on="").timeout == limits.CLOUD_TIMEOUT_SECONDS == 10_800
    assert rules.start(2, RunbookType.PYTHON, run_on="").timeout == TIMEOUT
    assert rules.start(3).timeout == 0


def test_tests_may_run_in_the_cloud(rules: Rules) -> None:
    assert rules.start(run_on="", test=True).group_name == "cloud"


def test_without_that_group_a_job_must_name_one() -> None:
    assert isinstance(Rules().start(run_on=""), GroupNotFound)


def test_a_job_says_why_there_is_no_worker_in_the_cloud_and_what_to_do(rules: Rules) -> None:
    rules.handle(on.CloudAway(why=AWAY))
    job = rules.start(run_on="")
    why = rules.why()

    assert job.details == f"waits: no worker of group cloud is online: {AWAY}"
    assert (why.code, why.message) == ("no_cloud", job.details)
    assert why.do[0] == "name a group: farhand start RUNBOOK --run-on GROUP"
    assert "farhand token create --group cloud" in why.do[1]


def test_why_there_is_none_is_known_after_a_failure(rules: Rules) -> None:
    rules.handle(on.CloudAway(why=AWAY))
    rules.begin()
    rules.start(run_on="")

    assert rules.why().code == "no_cloud"


def test_other_groups_do_not_speak_of_the_cloud(rules: Rules) -> None:
    rules.handle(on.CloudAway(why=AWAY))
    rules.start()

    assert rules.why().code == "no_member"


def test_a_worker_that_somebody_joined_to_the_cloud_serves_it(rules: Rules) -> None:
    rules.handle(on.CloudAway(why=AWAY))
    rules.register("helper", group="cloud")
    rules.connect("helper")
    rules.start(run_on="")

    assert rules.why().code == "offered"


def test_a_cloud_that_is_back_is_not_spoken_of(rules: Rules) -> None:
    rules.handle(on.CloudAway(why=AWAY))
    rules.handle(on.CloudAway(why=""))
    rules.start(run_on="")

    assert rules.why().code == "no_member"
