"""Jobs, and why they wait."""

from farhand_server.core.explain import Explanation
from farhand_server.model.ask import AssetRead
from farhand_server.model.job import Attempt, End, Job, JobStatus, Suspension
from farhand_server.rpc.convert import delivery, parameters
from farhand_server.rpc.convert.moments import duration, timestamp
from farhand_wire.v1 import job_pb2

#: Azure's numbers begin at zero, which means "unspecified" on the wire.
_STATUSES: dict[JobStatus, job_pb2.JobStatus] = {
    JobStatus.NEW: job_pb2.JOB_STATUS_NEW,
    JobStatus.ACTIVATING: job_pb2.JOB_STATUS_ACTIVATING,
    JobStatus.RUNNING: job_pb2.JOB_STATUS_RUNNING,
    JobStatus.COMPLETED: job_pb2.JOB_STATUS_COMPLETED,
    JobStatus.FAILED: job_pb2.JOB_STATUS_FAILED,
    JobStatus.STOPPED: job_pb2.JOB_STATUS_STOPPED,
    JobStatus.BLOCKED: job_pb2.JOB_STATUS_BLOCKED,
    JobStatus.SUSPENDED: job_pb2.JOB_STATUS_SUSPENDED,
    JobStatus.DISCONNECTED: job_pb2.JOB_STATUS_DISCONNECTED,
    JobStatus.SUSPENDING: job_pb2.JOB_STATUS_SUSPENDING,
    JobStatus.STOPPING: job_pb2.JOB_STATUS_STOPPING,
    JobStatus.RESUMING: job_pb2.JOB_STATUS_RESUMING,
    JobStatus.REMOVING: job_pb2.JOB_STATUS_REMOVING,
}
_SUSPENSIONS: dict[Suspension | None, job_pb2.Suspension] = {
    None: job_pb2.SUSPENSION_UNSPECIFIED,
    Suspension.FROZEN: job_pb2.SUSPENSION_FROZEN,
    Suspension.INDETERMINATE: job_pb2.SUSPENSION_INDETERMINATE,
    Suspension.EXHAUSTED: job_pb2.SUSPENSION_EXHAUSTED,
}
_MODEL_STATUSES = {wire: status for status, wire in _STATUSES.items()}


def model_status(status: job_pb2.JobStatus) -> JobStatus:
    return _MODEL_STATUSES[status]


def wire(job: Job, output_bytes: int) -> job_pb2.Job:
    """`output_bytes` is what is stored now; a job that is final knows its own."""
    end = job.end or End()
    return job_pb2.Job(
        job_id=job.id,
        runbook=job.runbook,
        runbook_version=job.runbook_version,
        run_on=job.group_name,
        worker=job.worker_name,
        status=_STATUSES[job.status],
        status_details=job.details,
        attempt=job.attempt,
        parameters=parameters.struct(job.parameters),
        create_time=timestamp(job.created),
        start_time=timestamp(job.started),
        end_time=timestamp(job.ended),
        exit_code=end.code,
        signal=end.signal,
        started_by=job.started_by,
        output_bytes=output_bytes,
        delivery=delivery.wire(job.delivery),
        suspension=_SUSPENSIONS[job.suspension],
        timeout=duration(job.timeout),
        lost_after=duration(job.lost_after),
        log_verbose=job.log_verbose,
        log_progress=job.log_progress,
        parent_job_id=job.parent or "",
        stop_with_parent=job.stop_with_parent,
        run_as=job.run_as,
        test=job.test,
    )


def asset_read(read: AssetRead) -> job_pb2.AssetRead:
    return job_pb2.AssetRead(
        attempt=read.attempt,
        kind=read.kind.value,
        name=read.name,
        version=read.version,
        written=read.written,
        read_time=timestamp(read.at),
    )


def attempt(known: Attempt) -> job_pb2.JobAttempt:
    return job_pb2.JobAttempt(
        attempt=known.attempt,
        worker=known.worker_name,
        grant_time=timestamp(known.granted),
        end_time=timestamp(known.ended),
        outcome=known.outcome,
    )


def explanation(explained: Explanation, job: job_pb2.Job) -> job_pb2.ExplainJobResponse:
    return job_pb2.ExplainJobResponse(
        job=job,
        code=explained.code,
        message=explained.message,
        workers=[
            job_pb2.WorkerVerdict(worker=worker, verdict=verdict, detail=detail)
            for worker, verdict, detail in explained.workers
        ],
        do=explained.do,
    )
