"""How a job stands and ended, and the exit code that says so."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farhand_cli import wire, words

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job

FAILED_WITHOUT_CODE = 3
NOT_FINISHED = 4
WAITED_TOO_LONG = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An exit code, and who chose it: the runbook's own 1 to 5 look like ours."""

    exit_code: int
    #: "runbook" or "farhand".
    source: str


def status_name(job: "Job") -> str:
    """Azure's name in capitals: COMPLETED."""
    return wire.job.JobStatus.Name(job.status).removeprefix("JOB_STATUS_")


def azure_name(job: "Job") -> str:
    """Azure's name as Azure writes it: Completed."""
    return status_name(job).capitalize()


def state(job: "Job") -> words.State:
    """How people see it."""
    return words.state(words.JOB_STATES, status_name(job))


def version(job: "Job") -> str:
    """What of its runbook it runs: `v3`; a test runs the draft."""
    return "draft" if job.test else f"v{job.runbook_version}"


def is_final(job: "Job") -> bool:
    """Nothing will change any more."""
    return status_name(job) in ("COMPLETED", "FAILED", "STOPPED")


def is_suspended(job: "Job") -> bool:
    """It may go on, when somebody decides; a caller that waits should not."""
    return status_name(job) == "SUSPENDED"


def outcome(job: "Job") -> Outcome:
    """Of a job that is final or suspended."""
    if status_name(job) in ("STOPPED", "SUSPENDED"):
        return Outcome(exit_code=NOT_FINISHED, source="farhand")
    if job.HasField("exit_code") or status_name(job) == "COMPLETED":
        return Outcome(exit_code=job.exit_code, source="runbook")
    return Outcome(exit_code=FAILED_WITHOUT_CODE, source="farhand")
