"""An operator's program: it calls, is cut off, and calls again."""

import asyncio
import random
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from tests.chaos.runbooks import Runbook

from farhand_server.model.job import JobStatus
from farhand_wire import limits
from farhand_wire.v1 import (
    delivery_pb2,
    hybrid_worker_pb2,
    hybrid_worker_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    runbook_pb2,
    runbook_pb2_grpc,
)

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2_grpc import JobServiceAsyncStub

T = TypeVar("T")
#: Nobody waits longer for an answer.
CALL_SECONDS = 5.0
#: More streams than these on one connection would wait for each other.
CHANNELS = 3
_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
#: What trouble on the way looks like; everything else is an answer.
PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


class Client:
    """Made inside the loop. `config` is what `farhand` reads; `endpoint` may be a way around."""

    def __init__(self, config: Path, endpoint: str) -> None:
        context = tomllib.loads(config.read_text())["contexts"]["default"]
        self.endpoint = endpoint
        self.ca = Path(context["ca"])
        self.token = str(context["token"])
        #: Answers that were no success, by status.
        self.troubles: Counter[str] = Counter()
        self._metadata = (("authorization", f"Bearer {self.token}"),)
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
        self._channels = [
            grpc.aio.secure_channel(endpoint, credentials, options=_OPTIONS)
            for _ in range(CHANNELS)
        ]
        self._jobs = [job_pb2_grpc.JobServiceStub(channel) for channel in self._channels]
        self._workers = hybrid_worker_pb2_grpc.HybridWorkerServiceStub(self._channels[0])
        self._runbooks = runbook_pb2_grpc.RunbookServiceStub(self._channels[0])

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def again(
        self, call: Callable[[], Awaitable[T]], chance: random.Random, *, until: float
    ) -> T:
        """Calls until there is an answer. Raises grpc.RpcError if it is a refusal, or there is none
        before the loop's time `until`."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if not self.passes(error) or loop.time() >= until:
                    raise
            await asyncio.sleep(chance.uniform(0.05, 0.5))

    def passes(self, error: grpc.aio.AioRpcError) -> bool:
        """Whether the same call may be answered later."""
        self.troubles[error.code().name] += 1
        return error.code() in PASSING

    # --- calls; each raises grpc.aio.AioRpcError ----------------------------------------------

    async def publish(self, runbook: Runbook) -> None:
        request = runbook_pb2.ImportRunbookRequest(
            name=runbook.name,
            type=runbook.type,
            content=runbook.script.encode(),
            publish=True,
            force=True,
        )
        await self._runbooks.ImportRunbook(request, metadata=self._metadata)
        delivered = runbook_pb2.UpdateRunbookRequest(
            runbook=runbook_pb2.Runbook(name=runbook.name, delivery=_delivery(runbook))
        )
        delivered.update_mask.paths.append("delivery")
        await self._runbooks.UpdateRunbook(delivered, metadata=self._metadata)

    async def start(self, request: job_pb2.StartJobRequest) -> job_pb2.Job:
        answer = await self._stub(request.job_id).StartJob(
            request, metadata=self._metadata, timeout=CALL_SECONDS
        )
        return answer.job

    async def stop(self, job: str) -> None:
        request = job_pb2.StopJobRequest(job_id=job)
        await self._stub(job).StopJob(request, metadata=self._metadata, timeout=CALL_SECONDS)

    async def suspend(self, job: str) -> None:
        request = job_pb2.SuspendJobRequest(job_id=job)
        await self._stub(job).SuspendJob(request, metadata=self._metadata, timeout=CALL_SECONDS)

    async def resume(self, job: str) -> None:
        request = job_pb2.ResumeJobRequest(job_id=job)
        await self._stub(job).ResumeJob(request, metadata=self._metadata, timeout=CALL_SECONDS)

    async def get(self, job: str) -> job_pb2.Job:
        request = job_pb2.GetJobRequest(job_id=job)
        answer = await self._stub(job).GetJob(
            request, metadata=self._metadata, timeout=CALL_SECONDS
        )
        return answer.job

    def watch(self, job: str) -> Any:
        request = job_pb2.WatchJobRequest(job_id=job)
        return self._stub(job).WatchJob(request, metadata=self._metadata)

    def follow(self, job: str, place: job_pb2.OutputPosition | None) -> Any:
        request = job_pb2.FollowJobOutputRequest(job_id=job, raw=True)
        if place is not None:
            getattr(request, "from").CopyFrom(place)
        return self._stub(job).FollowJobOutput(request, metadata=self._metadata)

    def read(self, job: str) -> Any:
        request = job_pb2.ReadJobOutputRequest(job_id=job, raw=True)
        return self._stub(job).ReadJobOutput(request, metadata=self._metadata, timeout=60.0)

    async def workers(self) -> list[hybrid_worker_pb2.HybridWorker]:
        request = hybrid_worker_pb2.ListHybridWorkersRequest(page_size=1_000)
        answer = await self._workers.ListHybridWorkers(
            request, metadata=self._metadata, timeout=1.0
        )
        return list(answer.workers)

    def _stub(self, job: str) -> "JobServiceAsyncStub":
        return self._jobs[int(job[:8], 16) % CHANNELS]


def _delivery(runbook: Runbook) -> delivery_pb2.Delivery:
    if runbook.at_least_once:
        return delivery_pb2.DELIVERY_AT_LEAST_ONCE
    return delivery_pb2.DELIVERY_AT_MOST_ONCE


def status_of(job: job_pb2.Job) -> JobStatus:
    """The wire's numbers begin with UNSPECIFIED."""
    return JobStatus(job.status - 1)
