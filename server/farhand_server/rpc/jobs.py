"""JobService: start, look, stop."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

from farhand_server.core import events
from farhand_server.core.explain import Explanation
from farhand_server.declared.values import as_text
from farhand_server.engine.ports import Page
from farhand_server.model.identifiers import AccountId, JobId, uuid7
from farhand_server.model.job import Job
from farhand_server.model.output import SpoolId
from farhand_server.rpc import lookup
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import caller
from farhand_server.rpc.convert import jobs as convert
from farhand_server.rpc.convert import output as shown
from farhand_server.rpc.convert import parameters
from farhand_server.rpc.exception import exception
from farhand_server.rpc.output import Item, Reader, Record
from farhand_server.rpc.receipts import Receipts
from farhand_server.rpc.tail import tail_offset
from farhand_wire import limits
from farhand_wire.v1 import job_pb2, job_pb2_grpc

T = TypeVar("T")
OutputRequest = job_pb2.ReadJobOutputRequest | job_pb2.FollowJobOutputRequest


class JobService(job_pb2_grpc.JobServiceServicer):
    """Unpack, ask, pack."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._receipts = Receipts(backend)

    async def StartJob(
        self, request: job_pb2.StartJobRequest, context: object
    ) -> job_pb2.StartJobResponse:
        principal = caller()
        values = parameters.plain(request.parameters)
        job = await self._backend.ask(
            Job,
            lambda call: events.StartJob(
                call=call,
                by=principal,
                job=JobId(request.job_id or self._new_id()),
                runbook=request.runbook,
                run_on=request.run_on,
                parameters=as_text(values),
                arguments=parameters.arguments(values, request.parameter_order),
                test=request.test,
            ),
        )
        return job_pb2.StartJobResponse(job=await self._wire(job))

    async def GetJob(
        self, request: job_pb2.GetJobRequest, context: object
    ) -> job_pb2.GetJobResponse:
        job = await self._job(request.job_id)
        attempts = await self._backend.look(self._backend.queries.attempts, job.id)
        reads = await self._backend.look(self._backend.queries.asset_reads, job.id)
        return job_pb2.GetJobResponse(
            job=await self._wire(job),
            attempts=[convert.attempt(known) for known in attempts],
            asset_reads=[convert.asset_read(read) for read in reads],
            exception=await exception(self._backend, job),
        )

    async def ListJobs(
        self, request: job_pb2.ListJobsRequest, context: object
    ) -> job_pb2.ListJobsResponse:
        account = caller().account
        page, sizes = await self._backend.look(self._page, account, request)
        return job_pb2.ListJobsResponse(
            jobs=[convert.wire(job, size) for job, size in zip(page.rows, sizes, strict=True)],
            next_page_token=page.next,
        )

    async def StopJob(
        self, request: job_pb2.StopJobRequest, context: object
    ) -> job_pb2.StopJobResponse:
        principal = caller()
        job = await self._job(request.job_id)
        grace = limits.STOP_GRACE_SECONDS
        if request.HasField("grace"):
            grace = request.grace.seconds + request.grace.nanos / 1e9
        stopped = await self._backend.ask(
            Job,
            lambda call: events.StopJob(
                call=call, by=principal, job=job.id, grace_ms=round(grace * 1000)
            ),
        )
        return job_pb2.StopJobResponse(job=await self._wire(stopped))

    async def SuspendJob(
        self, request: job_pb2.SuspendJobRequest, context: object
    ) -> job_pb2.SuspendJobResponse:
        principal = caller()
        job = await self._job(request.job_id)
        asked = await self._backend.ask(
            Job, lambda call: events.SuspendJob(call=call, by=principal, job=job.id)
        )
        return job_pb2.SuspendJobResponse(job=await self._wire(asked))

    async def ResumeJob(
        self, request: job_pb2.ResumeJobRequest, context: object
    ) -> job_pb2.ResumeJobResponse:
        principal = caller()
        job = await self._job(request.job_id)
        asked = await self._backend.ask(
            Job, lambda call: events.ResumeJob(call=call, by=principal, job=job.id)
        )
        return job_pb2.ResumeJobResponse(job=await self._wire(asked))

    async def ForceCloseJob(
        self, request: job_pb2.ForceCloseJobRequest, context: object
    ) -> job_pb2.ForceCloseJobResponse:
        principal = caller()
        job = await self._job(request.job_id)
        closed = await self._backend.ask(
            Job,
            lambda call: events.ForceCloseJob(
                call=call, by=principal, job=job.id, reason=request.reason
            ),
        )
        return job_pb2.ForceCloseJobResponse(job=await self._wire(closed))

    async def ExplainJob(
        self, request: job_pb2.ExplainJobRequest, context: object
    ) -> job_pb2.ExplainJobResponse:
        principal = caller()
        job = await self._job(request.job_id)
        explained = await self._backend.ask(
            Explanation, lambda call: events.Explain(call=call, by=principal, job=job.id)
        )
        return convert.explanation(explained, await self._wire(explained.job))

    async def WatchJob(
        self, request: job_pb2.WatchJobRequest, context: object
    ) -> AsyncIterator[job_pb2.WatchJobResponse]:
        job = await self._job(request.job_id)
        with self._backend.switchboard.watch(job.id) as watch:
            seen = None
            while True:
                watch.clear()
                job = watch.job or job
                if job != seen:
                    yield job_pb2.WatchJobResponse(job=await self._wire(job))
                    seen = job
                if job.status.is_final:
                    return
                await watch.wait()

    async def ReadJobOutput(
        self, request: job_pb2.ReadJobOutputRequest, context: object
    ) -> AsyncIterator[job_pb2.ReadJobOutputResponse]:
        job = await self._job(request.job_id)
        reader = await self._reader(job, request)
        read = partial(_read, job.runbook_version)
        while reader.attempt <= job.attempt:
            async for message in _packed(reader.drain(ended=True), read):
                yield message
            reader.next_attempt()

    async def FollowJobOutput(
        self, request: job_pb2.FollowJobOutputRequest, context: object
    ) -> AsyncIterator[job_pb2.FollowJobOutputResponse]:
        job = await self._job(request.job_id)
        with self._backend.switchboard.watch(job.id) as watch:
            job = seen = watch.job or job
            yield job_pb2.FollowJobOutputResponse(status=await self._wire(job))
            followed = partial(_followed, job.runbook_version)
            reader = await self._reader(job, request)
            while True:
                watch.clear()
                job = watch.job or job
                if job != seen and not job.status.is_final:
                    yield job_pb2.FollowJobOutputResponse(status=await self._wire(job))
                    seen = job
                # The job first, then its output: what its row promises is stored is then sent.
                if reader.attempt <= job.attempt:
                    async for message in _packed(reader.drain(), followed):
                        yield message
                if reader.attempt >= job.attempt and not job.status.is_final:
                    await watch.wait()
                    continue
                async for message in _packed(reader.drain(ended=True), followed):
                    yield message
                if reader.attempt >= job.attempt:
                    break
                reader.next_attempt()
            yield job_pb2.FollowJobOutputResponse(status=await self._wire(job))

    async def GetJobReceipt(
        self, request: job_pb2.GetJobReceiptRequest, context: object
    ) -> job_pb2.GetJobReceiptResponse:
        job = await self._job(request.job_id)
        wanted = lookup.attempts(job, one=request.attempt, every=request.every_attempt)
        made = [await self._receipts.of(job, attempt) for attempt in wanted]
        return job_pb2.GetJobReceiptResponse(receipts=[shown.receipt(each) for each in made])

    # --- looking ----------------------------------------------------------------------------

    async def _job(self, prefix: str) -> Job:
        backend, account = self._backend, caller().account
        recent = backend.switchboard.recent(JobId(prefix))
        if recent is not None and recent.account == account:
            return recent
        return await backend.look(lookup.job, backend.queries, account, prefix)

    async def _wire(self, job: Job) -> job_pb2.Job:
        if job.end is not None or not job.attempt:
            return convert.wire(job, job.output_bytes)
        extent = await self._backend.desk.extent(SpoolId(job=job.id, attempt=job.attempt))
        return convert.wire(job, extent.payload)

    def _page(
        self, account: AccountId, request: job_pb2.ListJobsRequest
    ) -> tuple[Page[Job], list[int]]:
        queries = self._backend.queries
        page = queries.jobs(
            account,
            statuses=[convert.model_status(status) for status in request.statuses],
            runbook=request.runbook,
            group=request.run_on,
            parent=request.parent_job_id,
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )
        return page, [lookup.output_bytes(queries, job) for job in page.rows]

    async def _reader(self, job: Job, request: OutputRequest) -> Reader:
        wanted = shown.wanted(request, job)
        start = getattr(request, "from")
        attempt, offset = max(start.attempt, 1), start.offset
        if request.tail_lines and job.attempt:
            attempt = job.attempt
            spool = SpoolId(job=job.id, attempt=attempt)
            offset = await tail_offset(self._backend, spool, wanted, request.tail_lines)
        elif start.sequence:
            spool, backend = SpoolId(job=job.id, attempt=attempt), self._backend
            offset = await backend.look(lookup.record, backend.queries, spool, start.sequence)
        return Reader(self._backend, job.id, wanted, attempt=attempt, offset=offset)

    def _new_id(self) -> str:
        backend = self._backend
        return uuid7(unix_ms=backend.clock.unix_ms(), random=backend.chance(10))


async def _packed(items: AsyncIterator[Item], pack: Callable[[Item], T]) -> AsyncIterator[T]:
    """Messages, each alone: a reader that stalls holds its record once, and not as an item, too."""
    async for item in items:
        message = pack(item)
        del item
        yield message


def _read(version: int, item: Item) -> job_pb2.ReadJobOutputResponse:
    if isinstance(item, Record):
        return job_pb2.ReadJobOutputResponse(output=shown.record(item, version))
    return job_pb2.ReadJobOutputResponse(omitted=shown.omitted(item))


def _followed(version: int, item: Item) -> job_pb2.FollowJobOutputResponse:
    if isinstance(item, Record):
        return job_pb2.FollowJobOutputResponse(output=shown.record(item, version))
    return job_pb2.FollowJobOutputResponse(omitted=shown.omitted(item))
