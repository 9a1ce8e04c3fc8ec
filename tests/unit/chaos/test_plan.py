"""A run can be repeated: what happens when is decided by the seed alone."""

import pytest
from tests.chaos import plan
from tests.chaos.plan import ODDS, Kind
from tests.chaos.runbooks import COUNT, STEP


def test_the_same_seed_is_the_same_plan() -> None:
    assert plan.make(7, seconds=300) == plan.make(7, seconds=300)


def test_another_seed_is_another_plan() -> None:
    assert plan.make(7, seconds=300) != plan.make(8, seconds=300)


def test_a_longer_plan_strikes_with_every_kind_of_fault() -> None:
    struck = {blow.kind for blow in plan.make(1, seconds=3_000).blows}

    assert struck == set(ODDS)


def test_every_kind_of_fault_has_its_odds() -> None:
    assert set(ODDS) == set(Kind)


def test_a_plan_keeps_to_its_seconds_and_to_its_pace() -> None:
    made = plan.make(3, seconds=2_000, jobs_per_second=0.5, seconds_per_blow=4)

    assert [s.at for s in made.submissions] == sorted(s.at for s in made.submissions)
    assert max(b.at for b in made.blows) < 2_000
    assert len(made.submissions) == pytest.approx(1_000, rel=0.2)
    assert len(made.blows) == pytest.approx(500, rel=0.2)


def test_only_what_can_be_published_is_planned() -> None:
    made = plan.make(3, seconds=300, offered=frozenset({COUNT, STEP}))

    assert {s.task.runbook for s in made.submissions} == {COUNT, STEP}


def test_no_two_jobs_have_one_id() -> None:
    jobs = [s.job for s in plan.make(3, seconds=2_000).submissions]

    assert len(set(jobs)) == len(jobs)
