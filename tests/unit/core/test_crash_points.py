"""At every moment of a job's life a process dies: nothing is lost, nothing runs twice, and the job
ends right, or waits for a person where nobody can know how it ended."""

import pytest
from tests.support.world.crashes.judgement import judge
from tests.support.world.crashes.lives import (
    COURSES,
    Course,
    frozen,
    manners,
    moments,
    plain,
    stopped,
)
from tests.support.world.crashes.tripwire import Point
from tests.support.world.mutations.promises import promises_leave_before_the_commit
from tests.support.world.truth import Violation

KINDS = tuple(sorted(moments(plain)))


def die_at_every(kind: str, course: Course) -> None:
    count = moments(course)[kind]
    for nth in range(1, count + 1):
        for manner in manners(kind):
            judge(course, Point(kind, nth), manner)
    print(f"{course.__name__}: {kind}: {count} of {count} moments")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("course", [plain, frozen], ids=lambda course: course.__name__)
def test_whoever_dies_the_job_ends_right_or_waits_for_a_person(course: Course, kind: str) -> None:
    die_at_every(kind, course)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_dies_a_job_that_is_stopped_has_ended(kind: str) -> None:
    die_at_every(kind, stopped)


def test_there_is_no_moment_that_nobody_looks_at() -> None:
    for course in COURSES:
        found = moments(course)

        assert set(found) == set(KINDS)
        assert sum(found.values()) > 130


def test_a_promise_that_leaves_before_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    promises_leave_before_the_commit(monkeypatch)

    with pytest.raises(Violation):
        die_at_every("before a commit", plain)
