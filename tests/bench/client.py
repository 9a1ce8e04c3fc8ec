"""A client of the generated code, as lean as a program would write it."""

import time
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path

import grpc

from farhand_wire import limits
from farhand_wire.v1 import job_pb2, job_pb2_grpc, runbook_pb2, runbook_pb2_grpc

FINAL = frozenset(
    {job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_STOPPED}
)
OPEN = [job_pb2.JOB_STATUS_NEW, job_pb2.JOB_STATUS_ACTIVATING, job_pb2.JOB_STATUS_RUNNING]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One job as its submitter saw it; seconds since the submit."""

    first_line: float
    completed: float
    output_bytes: int


class Client:
    """One channel; made inside the loop."""

    def __init__(self, config: Path) -> None:
        context = tomllib.loads(config.read_text())["contexts"]["default"]
        roots = Path(context["ca"]).read_bytes()
        self._metadata = (("authorization", f"Bearer {context['token']}"),)
        self._channel = grpc.aio.secure_channel(
            context["server"],
            grpc.ssl_channel_credentials(roots),
            options=[("grpc.max_receive_message_length", limits.MESSAGE_BYTES)],
        )
        self._jobs = job_pb2_grpc.JobServiceStub(self._channel)
        self._runbooks = runbook_pb2_grpc.RunbookServiceStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def publish(self, name: str, script: str) -> None:
        request = runbook_pb2.ImportRunbookRequest(
            name=name,
            type=runbook_pb2.RUNBOOK_TYPE_BASH,
            content=script.encode(),
            publish=True,
            force=True,
        )
        await self._runbooks.ImportRunbook(request, metadata=self._metadata)

    async def start(self, runbook: str, group: str) -> str:
        request = job_pb2.StartJobRequest(runbook=runbook, run_on=group, job_id=str(uuid.uuid4()))
        answer = await self._jobs.StartJob(request, metadata=self._metadata)
        return answer.job.job_id

    async def run(self, runbook: str, group: str) -> Run:
        """Submits, follows to the end. Raises AssertionError if the job did not complete."""
        begun = time.perf_counter()
        first = 0.0
        size = 0
        job_id = await self.start(runbook, group)
        request = job_pb2.FollowJobOutputRequest(job_id=job_id, raw=True)
        async for item in self._jobs.FollowJobOutput(request, metadata=self._metadata):
            if item.HasField("output"):
                first = first or time.perf_counter() - begun
                size += len(item.output.data)
            elif item.status.status in FINAL:
                assert item.status.status == job_pb2.JOB_STATUS_COMPLETED, item.status
        return Run(first_line=first, completed=time.perf_counter() - begun, output_bytes=size)

    async def stop(self, job_id: str) -> None:
        await self._jobs.StopJob(job_pb2.StopJobRequest(job_id=job_id), metadata=self._metadata)

    async def has_open_jobs(self) -> bool:
        request = job_pb2.ListJobsRequest(page_size=1, statuses=OPEN)
        answer = await self._jobs.ListJobs(request, metadata=self._metadata)
        return bool(answer.jobs)
