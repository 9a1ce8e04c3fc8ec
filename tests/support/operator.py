"""An operator's program: the generated code, where a command for each call costs too much."""

import tomllib
from pathlib import Path
from typing import Any

import grpc

from farhand_wire.v1 import hybrid_worker_pb2, hybrid_worker_pb2_grpc, job_pb2, job_pb2_grpc

WAIT_SECONDS = 30.0


class Operator:
    """One connection with the token of the current context."""

    def __init__(self, contexts: Path, *, server: str = "") -> None:
        context = tomllib.loads(contexts.read_text())["contexts"]["default"]
        credentials = grpc.ssl_channel_credentials(Path(context["ca"]).read_bytes())
        own = (("grpc.use_local_subchannel_pool", 1),)
        self.metadata = (("authorization", f"Bearer {context['token']}"),)
        self.channel = grpc.secure_channel(server or context["server"], credentials, options=own)
        self.jobs = job_pb2_grpc.JobServiceStub(self.channel)
        self._workers = hybrid_worker_pb2_grpc.HybridWorkerServiceStub(self.channel)

    def start(self, runbook: str, **values: Any) -> str:
        """The id of the new job."""
        request = job_pb2.StartJobRequest(**{"runbook": runbook, "run_on": "demo", **values})
        return str(self._ask(self.jobs.StartJob, request).job.job_id)

    def job(self, job: str) -> job_pb2.Job:
        found: job_pb2.Job = self._ask(self.jobs.GetJob, job_pb2.GetJobRequest(job_id=job)).job
        return found

    def online(self) -> int:
        """Workers that are connected."""
        request = hybrid_worker_pb2.ListHybridWorkersRequest()
        workers = self._ask(self._workers.ListHybridWorkers, request).workers
        return sum(w.state == hybrid_worker_pb2.WORKER_STATE_ONLINE for w in workers)

    def close(self) -> None:
        self.channel.close()

    def _ask(self, method: Any, request: Any) -> Any:
        return method(request, metadata=self.metadata, timeout=WAIT_SECONDS, wait_for_ready=True)
