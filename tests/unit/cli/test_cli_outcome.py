import pytest

from farhand_cli.outcome import outcome
from farhand_wire.v1.job_pb2 import (
    JOB_STATUS_COMPLETED,
    JOB_STATUS_FAILED,
    JOB_STATUS_STOPPED,
    JOB_STATUS_SUSPENDED,
    Job,
)


@pytest.mark.parametrize(
    ("job", "exit_code", "source"),
    [
        (Job(status=JOB_STATUS_COMPLETED, exit_code=0), 0, "runbook"),
        (Job(status=JOB_STATUS_FAILED, exit_code=28), 28, "runbook"),
        (Job(status=JOB_STATUS_FAILED, exit_code=3), 3, "runbook"),
        (Job(status=JOB_STATUS_FAILED, exit_code=255), 255, "runbook"),
        (Job(status=JOB_STATUS_FAILED, signal=9), 3, "farhand"),
        (Job(status=JOB_STATUS_FAILED, status_details="no interpreter"), 3, "farhand"),
        (Job(status=JOB_STATUS_STOPPED, signal=15), 4, "farhand"),
        (Job(status=JOB_STATUS_STOPPED, exit_code=0), 4, "farhand"),
        (Job(status=JOB_STATUS_SUSPENDED), 4, "farhand"),
    ],
)
def test_the_exit_code_and_whose_it_is(job: Job, exit_code: int, source: str) -> None:
    end = outcome(job)

    assert (end.exit_code, end.source) == (exit_code, source)
