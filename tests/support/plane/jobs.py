"""The fake control plane's jobs: started, watched, followed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
from tests.support.plane.ledger import Ledger, Spool, stamp

from farhand_wire.v1 import job_pb2 as job
from farhand_wire.v1.job_pb2_grpc import JobServiceServicer

ENDED = (job.JOB_STATUS_COMPLETED, job.JOB_STATUS_FAILED, job.JOB_STATUS_STOPPED)


class JobService(JobServiceServicer):
    """Jobs that never run: their tests say what they write and how they end."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def StartJob(self, request: Any, context: Any) -> Any:
        self._ledger.admit("StartJob", request, context)
        if request.job_id not in self._ledger.spools:
            self._ledger.add_job(
                request.job_id,
                runbook=request.runbook,
                runbook_version=0 if request.test else 1,
                test=request.test,
                run_on=request.run_on,
                parameters=request.parameters,
                status=job.JOB_STATUS_NEW,
                create_time=stamp(datetime.now(UTC)),
                started_by="olga",
            )
        return job.StartJobResponse(job=self._ledger.spools[request.job_id].job)

    def GetJob(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetJob", request, context)
        return job.GetJobResponse(job=self._spool(request.job_id, context).job)

    def ListJobs(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ListJobs", request, context)
        jobs = [
            spool.job
            for spool in reversed(self._ledger.spools.values())
            if (not request.statuses or spool.job.status in request.statuses)
            and request.runbook in ("", spool.job.runbook)
            and request.run_on in ("", spool.job.run_on)
        ]
        return job.ListJobsResponse(jobs=jobs[: request.page_size or 100])

    def StopJob(self, request: Any, context: Any) -> Any:
        self._ledger.admit("StopJob", request, context)
        spool = self._spool(request.job_id, context)
        waits = spool.job.status == job.JOB_STATUS_NEW
        status = job.JOB_STATUS_STOPPED if waits else job.JOB_STATUS_STOPPING
        self._ledger.change(spool.job.job_id, status=status)
        return job.StopJobResponse(job=spool.job)

    def SuspendJob(self, request: Any, context: Any) -> Any:
        return job.SuspendJobResponse(job=self._asked("SuspendJob", request, context, "SUSPENDING"))

    def ResumeJob(self, request: Any, context: Any) -> Any:
        return job.ResumeJobResponse(job=self._asked("ResumeJob", request, context, "RESUMING"))

    def ForceCloseJob(self, request: Any, context: Any) -> Any:
        closed = self._asked("ForceCloseJob", request, context, "FAILED")
        return job.ForceCloseJobResponse(job=closed)

    def _asked(self, method: str, request: Any, context: Any, status: str) -> Any:
        self._ledger.admit(method, request, context)
        spool = self._spool(request.job_id, context)
        self._ledger.change(spool.job.job_id, status=job.JobStatus.Value(f"JOB_STATUS_{status}"))
        return spool.job

    def ExplainJob(self, request: Any, context: Any) -> Any:
        self._ledger.admit("ExplainJob", request, context)
        self._spool(request.job_id, context)
        return self._ledger.verdict

    def GetJobReceipt(self, request: Any, context: Any) -> Any:
        self._ledger.admit("GetJobReceipt", request, context)
        spool = self._spool(request.job_id, context)
        return job.GetJobReceiptResponse(receipts=spool.receipts)

    def WatchJob(self, request: Any, context: Any) -> Iterator[Any]:
        self._ledger.admit("WatchJob", request, context)
        spool = self._spool(request.job_id, context)
        for item in self._items(spool, 0, context):
            if item.HasField("status"):
                yield job.WatchJobResponse(job=item.status)

    def ReadJobOutput(self, request: Any, context: Any) -> Iterator[Any]:
        self._ledger.admit("ReadJobOutput", request, context)
        for item in self._spool(request.job_id, context).items:
            if item.HasField("omitted"):
                yield job.ReadJobOutputResponse(omitted=item.omitted)
            elif item.output.sequence < getattr(request, "from").sequence:
                continue
            elif item.HasField("output") and (
                not request.streams or item.output.stream in request.streams
            ):
                yield job.ReadJobOutputResponse(output=_dressed(item.output, request.raw))

    def FollowJobOutput(self, request: Any, context: Any) -> Iterator[Any]:
        self._ledger.admit("FollowJobOutput", request, context)
        spool = self._spool(request.job_id, context)
        begin = getattr(request, "from").offset
        records = self._ledger.cuts.pop(0) if self._ledger.cuts else -1
        for item in self._items(spool, begin, context):
            if item.HasField("output"):
                if records == 0:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
                records -= 1
                item = job.FollowJobOutputResponse(output=_dressed(item.output, request.raw))
            yield item

    def _items(self, spool: Spool, begin: int, context: Any) -> Iterator[Any]:
        """The job now, then what follows `begin`, until the job is final or the caller leaves."""
        yield job.FollowJobOutputResponse(status=spool.job)
        told = 0
        while context.is_active():
            with self._ledger.changed:
                if len(spool.items) == told:
                    self._ledger.changed.wait(timeout=0.05)
                new = spool.items[told:]
            for item in new:
                if _next(item) is None or _next(item).offset > begin:
                    yield item
            told += len(new)
            if not new and spool.job.status in ENDED:
                return

    def _spool(self, prefix: str, context: Any) -> Spool:
        found = [
            spool for job_id, spool in self._ledger.spools.items() if job_id.startswith(prefix)
        ]
        if len(found) != 1:
            context.abort(grpc.StatusCode.NOT_FOUND, f'there is no job "{prefix}"')
        return found[0]


def _next(item: job.FollowJobOutputResponse) -> Any:
    """Where a piece of the output ends; None for a state."""
    what = item.WhichOneof("item")
    return None if what == "status" else getattr(item, what).next


def _dressed(record: job.OutputRecord, raw: bool) -> job.OutputRecord:
    """As the caller wants it: bytes or text, not both."""
    made = job.OutputRecord()
    made.CopyFrom(record)
    made.ClearField("text" if raw else "data")
    return made
