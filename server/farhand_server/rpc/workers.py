"""HybridWorkerService."""

from farhand_server.core import events
from farhand_server.core.overview import Overview
from farhand_server.model.worker import Worker
from farhand_server.rpc import lookup
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import caller
from farhand_server.rpc.convert import workers as convert
from farhand_wire import limits
from farhand_wire.v1 import hybrid_worker_pb2, hybrid_worker_pb2_grpc


class HybridWorkerService(hybrid_worker_pb2_grpc.HybridWorkerServiceServicer):
    """Unpack, ask, pack."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def GetHybridWorker(
        self, request: hybrid_worker_pb2.GetHybridWorkerRequest, context: object
    ) -> hybrid_worker_pb2.GetHybridWorkerResponse:
        backend = self._backend
        row = await backend.look(lookup.worker, backend.queries, caller().account, request.worker)
        return hybrid_worker_pb2.GetHybridWorkerResponse(
            worker=self._wire(row, await self._overview())
        )

    async def ListHybridWorkers(
        self, request: hybrid_worker_pb2.ListHybridWorkersRequest, context: object
    ) -> hybrid_worker_pb2.ListHybridWorkersResponse:
        here = await self._overview()
        page = await self._backend.look(
            self._backend.queries.workers,
            caller().account,
            group=request.group,
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )
        return hybrid_worker_pb2.ListHybridWorkersResponse(
            workers=[self._wire(row, here) for row in page.rows], next_page_token=page.next
        )

    async def DeleteHybridWorker(
        self, request: hybrid_worker_pb2.DeleteHybridWorkerRequest, context: object
    ) -> hybrid_worker_pb2.DeleteHybridWorkerResponse:
        principal = caller()
        await self._backend.ask(
            type(None),
            lambda call: events.DeleteWorker(
                call=call, by=principal, name=request.worker, force=request.force
            ),
        )
        return hybrid_worker_pb2.DeleteHybridWorkerResponse()

    async def ResumeHybridWorker(
        self, request: hybrid_worker_pb2.ResumeHybridWorkerRequest, context: object
    ) -> hybrid_worker_pb2.ResumeHybridWorkerResponse:
        principal = caller()
        row = await self._backend.ask(
            Worker,
            lambda call: events.ResumeWorker(
                call=call, by=principal, name=request.worker, machine=request.machine
            ),
        )
        return hybrid_worker_pb2.ResumeHybridWorkerResponse(
            worker=self._wire(row, await self._overview())
        )

    def _wire(self, row: Worker, here: Overview) -> hybrid_worker_pb2.HybridWorker:
        refused = self._backend.switchboard.refused(row.id)
        return convert.worker(row, refused=refused, here=here)

    async def _overview(self) -> Overview:
        principal = caller()
        return await self._backend.ask(
            Overview, lambda call: events.Overview(call=call, by=principal)
        )
