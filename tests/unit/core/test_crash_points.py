"""At every moment of a job's life a process dies: nothing is lost, nothing runs twice, and the job
ends right, or waits for a person where nobody can know how it ended."""

import pytest
from tests.support.world.crashes.lives import (
    COURSES,
    JOB,
    Course,
    Life,
    frozen,
    lived,
    manners,
    moments,
    plain,
    stopped,
)
from tests.support.world.crashes.tripwire import Point
from tests.support.world.mutations.promises import promises_leave_before_the_commit
from tests.support.world.truth import Violation

from farhand_server.model.job import JobStatus, Suspension

KINDS = tuple(sorted(moments(plain)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("course", [plain, frozen], ids=lambda course: course.__name__)
def test_whoever_dies_the_job_ends_right_or_waits_for_a_person(course: Course, kind: str) -> None:
    count = moments(course)[kind]
    for nth in range(1, count + 1):
        for manner in manners(kind):
            life = lived(course, Point(kind, nth), manner)

            assert len(life.world.truth.runs(JOB)) == 1, (nth, manner)
            _ended_right(life)
    print(f"{course.__name__}: {kind}: {count} of {count} moments")


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_dies_a_job_that_is_stopped_has_ended(kind: str) -> None:
    count = moments(stopped)[kind]
    for nth in range(1, count + 1):
        for manner in manners(kind):
            life = lived(stopped, Point(kind, nth), manner)

            job, runs = life.job, life.world.truth.runs(JOB)
            assert job is not None
            assert job.status in (JobStatus.STOPPED, JobStatus.COMPLETED), (nth, manner)
            assert len(runs) <= 1
            assert job.end is not None or not runs or life.has_lost_script
    print(f"stopped: {kind}: {count} of {count} moments")


def test_there_is_no_moment_that_nobody_looks_at() -> None:
    for course in COURSES:
        found = moments(course)

        assert set(found) == set(KINDS)
        assert sum(found.values()) > 130


def test_a_promise_that_leaves_before_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    promises_leave_before_the_commit(monkeypatch)
    kind = "before a commit"
    points = [Point(kind, nth) for nth in range(1, moments(plain)[kind] + 1)]

    with pytest.raises(Violation, match=r"I\d"):
        for point in points:
            for manner in manners(kind):
                _ended_right(lived(plain, point, manner))


def _ended_right(life: Life) -> None:
    job = life.job
    assert job is not None
    if life.has_lost_script:
        assert job.status is JobStatus.SUSPENDED
        assert job.suspension is Suspension.INDETERMINATE
        return
    assert job.status is JobStatus.COMPLETED
    assert job.end is not None and job.end.code == 0
