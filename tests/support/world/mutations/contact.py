"""Who is who, and what a worker is still good for that was away."""

from typing import Any

import pytest

from farhand_server.core import adoption, numbers, sessions
from farhand_server.model.job import Job, JobStatus


def session_numbers_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(numbers, "admits", lambda worker, number: True)


def only_the_last_number_is_taken(patch: pytest.MonkeyPatch) -> None:
    """What a Hello got that was overtaken by a later one is forgotten."""
    patch.setattr(
        numbers,
        "admits",
        lambda worker, number: number in (worker.confirmed_number, worker.issued_number),
    )


def the_late_truth_is_ignored(patch: pytest.MonkeyPatch) -> None:
    goes_on = adoption._goes_on

    def until_disconnected(job: Any, worker: Any, entry: Any) -> bool:
        return job.status is not JobStatus.DISCONNECTED and goes_on(job, worker, entry)

    patch.setattr(adoption, "_goes_on", until_disconnected)


def stale_attempts_are_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Job, "is_served_by", lambda job, worker, attempt: True)


def old_sessions_live_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sessions, "supersede", lambda worker, ctx: [])
