"""How a job must have ended of which somebody died on the way."""

from tests.support.world.crashes.lives import JOB, Course, Life, Manner, lived, stopped
from tests.support.world.crashes.tripwire import Point
from tests.support.world.truth import Violation

from farhand_server.model.job import JobStatus, Suspension


def judge(course: Course, point: Point, manner: Manner) -> None:
    """Lives that life, and looks at its end. Raises Violation."""
    life = lived(course, point, manner)
    runs = len(life.world.truth.runs(JOB))
    if course is stopped:
        wrong = runs > 1 or not _was_stopped(life, has_run=runs == 1)
    else:
        wrong = runs != 1 or not _ended_right(life)
    if wrong:
        job = life.job
        how = (job.status.name, job.suspension, job.end) if job is not None else "forgotten"
        raise Violation(f"{runs} runs, {how}: {course.__name__}, {point}, {manner}")


def _was_stopped(life: Life, *, has_run: bool) -> bool:
    """Or was faster; what has run has told its end, unless it went down with its runner."""
    job = life.job
    if job is None or job.status not in (JobStatus.STOPPED, JobStatus.COMPLETED):
        return False
    return job.end is not None or not has_run or life.has_lost_script


def _ended_right(life: Life) -> bool:
    """Or waits for a person where nobody can know how it ended."""
    job = life.job
    if job is None:
        return False
    if life.has_lost_script:
        return job.status is JobStatus.SUSPENDED and job.suspension is Suspension.INDETERMINATE
    return job.status is JobStatus.COMPLETED and job.end is not None and job.end.code == 0
