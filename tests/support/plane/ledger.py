"""What the fake control plane knows, how tests fill it, and how they make it fail."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from farhand_wire.v1.account_pb2 import GetAccountResponse, RegistrationToken
from farhand_wire.v1.hybrid_worker_group_pb2 import HybridWorkerGroup
from farhand_wire.v1.hybrid_worker_pb2 import HybridWorker
from farhand_wire.v1.job_pb2 import (
    JOB_STREAM_OUTPUT,
    ExplainJobResponse,
    FollowJobOutputResponse,
    Job,
    JobReceipt,
    JobStream,
    OutputOmitted,
    OutputPosition,
    OutputRecord,
)
from farhand_wire.v1.runbook_pb2 import Runbook, RunbookParameter

TOKEN = "fh_operator"


def stamp(moment: datetime) -> Timestamp:
    """A moment for the wire."""
    made = Timestamp()
    made.FromDatetime(moment.astimezone(UTC))
    return made


@dataclass(slots=True, kw_only=True)
class Spool:
    """One job and all that was said about it, in order: output, gaps and states."""

    job: Job
    items: list[FollowJobOutputResponse] = field(default_factory=list)
    size: int = 0
    receipts: list[JobReceipt] = field(default_factory=list)


@dataclass(slots=True)
class Refusal:
    """A failure that waits for a call."""

    code: grpc.StatusCode
    message: str
    status: Any | None = None


class Ledger:
    """Dicts. Tests fill them, and read `calls`."""

    def __init__(self) -> None:
        #: host:port, once it is served.
        self.endpoint = ""
        self.account = GetAccountResponse(account="default", caller="olga", server_version="0.1.0")
        self.runbooks: dict[str, Runbook] = {}
        #: By kind and name.
        self.assets: dict[str, dict[str, Any]] = {}
        #: What each declares.
        self.parameters: dict[str, list[RunbookParameter]] = {}
        #: Where they differ from those.
        self.draft_parameters: dict[str, list[RunbookParameter]] = {}
        #: What was published of each.
        self.versions: dict[str, list[bytes]] = {}
        self.scripts: dict[str, bytes] = {}
        self.groups: dict[str, HybridWorkerGroup] = {}
        self.workers: dict[str, HybridWorker] = {}
        self.tokens: dict[str, RegistrationToken] = {}
        self.spools: dict[str, Spool] = {}
        self.verdict = ExplainJobResponse()
        #: Every request, in order.
        self.calls: list[Any] = []
        #: After how many records the next streams of output are cut.
        self.cuts: list[int] = []
        self.changed = threading.Condition()
        self._refusals: dict[str, list[Refusal]] = {}

    def add_job(self, job_id: str, **values: Any) -> Job:
        """A job that exists."""
        with self.changed:
            made = Job(job_id=job_id, **values)
            self.spools[job_id] = Spool(job=made)
            return made

    def say(self, job_id: str, data: bytes, stream: JobStream = JOB_STREAM_OUTPUT) -> None:
        """A job's script writes."""
        with self.changed:
            spool = self.spools[job_id]
            spool.size += len(data)
            record = OutputRecord(
                stream=stream,
                next=OutputPosition(attempt=1, offset=spool.size),
                data=data,
                text=data.decode(errors="replace"),
                sequence=sum(item.HasField("output") for item in spool.items),
                runbook_version=spool.job.runbook_version,
                record_count=1,
                time=stamp(datetime(2026, 11, 25, tzinfo=UTC)),
            )
            spool.items.append(FollowJobOutputResponse(output=record))
            self.changed.notify_all()

    def lose(self, job_id: str, length: int, reason: str) -> None:
        """Output of a job is gone."""
        with self.changed:
            spool = self.spools[job_id]
            start, spool.size = spool.size, spool.size + length
            gap = OutputOmitted(
                from_offset=start,
                to_offset=spool.size,
                reason=reason,
                next=OutputPosition(attempt=1, offset=spool.size),
            )
            spool.items.append(FollowJobOutputResponse(omitted=gap))
            self.changed.notify_all()

    def change(self, job_id: str, **values: Any) -> None:
        """A job's state changes."""
        with self.changed:
            spool = self.spools[job_id]
            spool.job.MergeFrom(Job(**values))
            spool.job.output_bytes = spool.size
            told = Job()
            told.CopyFrom(spool.job)
            spool.items.append(FollowJobOutputResponse(status=told))
            self.changed.notify_all()

    def cut(self, *records: int) -> None:
        """The next streams of output each end after so many records, as a lost connection does."""
        self.cuts.extend(records)

    def refuse(
        self,
        method: str,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        violations: Iterable[tuple[str, str]] = (),
        times: int = 1,
        **metadata: str,
    ) -> None:
        """The next calls of a method fail, with details if a reason is given."""
        refusal = Refusal(code, message)
        if reason:
            details = [error_details_pb2.ErrorInfo(reason=reason, metadata=metadata)]
            if fields := [
                error_details_pb2.BadRequest.FieldViolation(field=name, description=text)
                for name, text in violations
            ]:
                details.append(error_details_pb2.BadRequest(field_violations=fields))
            refusal.status = status_pb2.Status(code=code.value[0], message=message)
            for detail in details:
                packed = any_pb2.Any()
                packed.Pack(detail)
                refusal.status.details.append(packed)
        self._refusals.setdefault(method, []).extend([refusal] * times)

    def requests(self, kind: type[Any]) -> list[Any]:
        """The calls of one kind."""
        return [call for call in self.calls if isinstance(call, kind)]

    def await_call(self, kind: type[Any]) -> None:
        """Waits until somebody has called so."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.requests(kind), timeout=30):
                raise TimeoutError(f"nobody sent a {kind.__name__}")

    # ---- what the services do with it ----

    def admit(self, method: str, request: Any, context: Any) -> None:
        """Notes the call; ends it if its token is wrong or a refusal waits for it."""
        with self.changed:
            self.calls.append(request)
            self.changed.notify_all()
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization") != f"Bearer {TOKEN}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not known")
        if waiting := self._refusals.get(method):
            refusal = waiting.pop(0)
            if refusal.status is not None:
                context.abort_with_status(rpc_status.to_status(refusal.status))
            context.abort(refusal.code, refusal.message)

    def found(self, known: dict[str, Any], name: str, context: Any) -> Any:
        """What has that name; ends the call if there is nothing."""
        if name not in known:
            context.abort(grpc.StatusCode.NOT_FOUND, f'there is no "{name}"')
        return known[name]
