"""HybridWorkerGroupService."""

from farhand_server.core import events
from farhand_server.core.overview import Overview
from farhand_server.model.worker import Group
from farhand_server.rpc import lookup
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import caller
from farhand_server.rpc.convert import workers as convert
from farhand_wire import limits
from farhand_wire.v1 import hybrid_worker_group_pb2, hybrid_worker_group_pb2_grpc


class HybridWorkerGroupService(hybrid_worker_group_pb2_grpc.HybridWorkerGroupServiceServicer):
    """Unpack, ask, pack."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def CreateHybridWorkerGroup(
        self,
        request: hybrid_worker_group_pb2.CreateHybridWorkerGroupRequest,
        context: object,
    ) -> hybrid_worker_group_pb2.CreateHybridWorkerGroupResponse:
        principal = caller()
        group = await self._backend.ask(
            Group, lambda call: events.CreateGroup(call=call, by=principal, name=request.name)
        )
        return hybrid_worker_group_pb2.CreateHybridWorkerGroupResponse(
            group=await self._wire(group)
        )

    async def GetHybridWorkerGroup(
        self, request: hybrid_worker_group_pb2.GetHybridWorkerGroupRequest, context: object
    ) -> hybrid_worker_group_pb2.GetHybridWorkerGroupResponse:
        backend = self._backend
        group = await backend.look(lookup.group, backend.queries, caller().account, request.group)
        return hybrid_worker_group_pb2.GetHybridWorkerGroupResponse(group=await self._wire(group))

    async def ListHybridWorkerGroups(
        self, request: hybrid_worker_group_pb2.ListHybridWorkerGroupsRequest, context: object
    ) -> hybrid_worker_group_pb2.ListHybridWorkerGroupsResponse:
        here = await self._overview()
        page = await self._backend.look(
            self._backend.queries.groups,
            caller().account,
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )
        return hybrid_worker_group_pb2.ListHybridWorkerGroupsResponse(
            groups=[await self._backend.look(self._seen, group, here) for group in page.rows],
            next_page_token=page.next,
        )

    async def UpdateHybridWorkerGroup(
        self,
        request: hybrid_worker_group_pb2.UpdateHybridWorkerGroupRequest,
        context: object,
    ) -> hybrid_worker_group_pb2.UpdateHybridWorkerGroupResponse:
        principal, asked = caller(), request.group
        group = await self._backend.ask(
            Group,
            lambda call: events.UpdateGroup(
                call=call,
                by=principal,
                name=asked.name,
                run_as=asked.run_as if "run_as" in request.update_mask.paths else None,
            ),
        )
        return hybrid_worker_group_pb2.UpdateHybridWorkerGroupResponse(
            group=await self._wire(group)
        )

    async def DeleteHybridWorkerGroup(
        self,
        request: hybrid_worker_group_pb2.DeleteHybridWorkerGroupRequest,
        context: object,
    ) -> hybrid_worker_group_pb2.DeleteHybridWorkerGroupResponse:
        principal = caller()
        await self._backend.ask(
            type(None),
            lambda call: events.DeleteGroup(call=call, by=principal, name=request.group),
        )
        return hybrid_worker_group_pb2.DeleteHybridWorkerGroupResponse()

    async def _wire(self, group: Group) -> hybrid_worker_group_pb2.HybridWorkerGroup:
        return await self._backend.look(self._seen, group, await self._overview())

    async def _overview(self) -> Overview:
        principal = caller()
        return await self._backend.ask(
            Overview, lambda call: events.Overview(call=call, by=principal)
        )

    def _seen(self, group: Group, here: Overview) -> hybrid_worker_group_pb2.HybridWorkerGroup:
        queries = self._backend.queries
        return convert.group(
            group,
            members=lookup.members(queries, group),
            jobs_waiting=queries.waiting_count(group),
            here=here,
        )
