"""The table of a job's states, and the small values around it."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import samples
from tests.support.samples import worker_id

from farhand_server.errors import IllegalTransition
from farhand_server.model.identifiers import uuid7
from farhand_server.model.job import End, JobStatus


@pytest.mark.parametrize("status", [s for s in JobStatus if s.is_final])
def test_what_is_final_can_only_be_removed(status: JobStatus) -> None:
    assert {s for s in JobStatus if status.may_become(s)} == {JobStatus.REMOVING}


@pytest.mark.parametrize("status", [s for s in JobStatus if not s.is_final])
def test_whatever_is_not_final_can_end_as_stopped_except_removal(status: JobStatus) -> None:
    assert status.may_become(JobStatus.STOPPED) is (status is not JobStatus.REMOVING)


def test_nothing_becomes_what_it_is() -> None:
    assert not [status for status in JobStatus if status.may_become(status)]


def test_azures_numbers_are_kept() -> None:
    names = (
        "NEW ACTIVATING RUNNING COMPLETED FAILED STOPPED BLOCKED SUSPENDED DISCONNECTED "
        "SUSPENDING STOPPING RESUMING REMOVING"
    )

    assert {status.name: status.value for status in JobStatus} == {
        name: number for number, name in enumerate(names.split())
    }


def test_a_way_that_the_table_does_not_have_is_an_error() -> None:
    job = samples.job(status=JobStatus.COMPLETED)

    with pytest.raises(IllegalTransition, match="COMPLETED cannot become RUNNING"):
        job.become(JobStatus.RUNNING)


def test_each_grant_takes_the_next_number() -> None:
    job = samples.job()
    for number in (1, 2, 3):
        job = job.grant(
            worker=worker_id(number), worker_name=f"web{number:02}", ground=samples.GROUND
        )
        assert (job.attempt, job.worker, job.started) == (number, worker_id(number), None)
        assert job.is_served_by(worker_id(number), number)
        assert not job.is_served_by(worker_id(number), number - 1)
        job = job.become(JobStatus.NEW)


@pytest.mark.parametrize(
    ("end", "stopping", "status"),
    [
        (End(code=0), False, JobStatus.COMPLETED),
        (End(code=0), True, JobStatus.COMPLETED),
        (End(code=0, stopped=True), True, JobStatus.STOPPED),
        (End(signal=15, stopped=True), True, JobStatus.STOPPED),
        (End(signal=15), True, JobStatus.FAILED),
        (End(signal=15, stopped=True), False, JobStatus.FAILED),
        (End(code=1), False, JobStatus.FAILED),
        (End(reason="the runner was lost"), True, JobStatus.FAILED),
    ],
)
def test_an_end_is_stopped_only_when_a_stop_ended_it(
    end: End, stopping: bool, status: JobStatus
) -> None:
    assert end.status(stopping=stopping) is status


@given(ms=st.integers(0, (1 << 48) - 1), random=st.binary(min_size=10, max_size=16))
def test_a_uuid7_is_one_and_sorts_by_time(ms: int, random: bytes) -> None:
    text = uuid7(unix_ms=ms, random=random)
    value = uuid.UUID(text)

    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == ms
    assert text < uuid7(unix_ms=ms + 1, random=bytes(10)) or ms == (1 << 48) - 1
