"""RunbookService: import, publish, look, delete."""

import hashlib
from collections.abc import Sequence

from farhand_server.core import events
from farhand_server.declared.declaration import declared
from farhand_server.model.parameter import Parameter
from farhand_server.model.runbook import Runbook
from farhand_server.rpc import lookup
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import caller
from farhand_server.rpc.convert import delivery
from farhand_server.rpc.convert import runbooks as convert
from farhand_wire import limits
from farhand_wire.v1 import runbook_pb2, runbook_pb2_grpc


class RunbookService(runbook_pb2_grpc.RunbookServiceServicer):
    """Unpack, ask, pack."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def ImportRunbook(
        self, request: runbook_pb2.ImportRunbookRequest, context: object
    ) -> runbook_pb2.ImportRunbookResponse:
        principal = caller()
        runbook = await self._backend.ask(
            Runbook,
            lambda call: events.ImportRunbook(
                call=call,
                by=principal,
                name=request.name,
                type=convert.model_type(request.type),
                digest=hashlib.sha256(request.content).hexdigest(),
                script=request.content,
                description=request.description,
                publish=request.publish,
                force=request.force,
                draft_digest=request.draft_digest,
            ),
        )
        return runbook_pb2.ImportRunbookResponse(runbook=convert.wire(runbook))

    async def PublishRunbook(
        self, request: runbook_pb2.PublishRunbookRequest, context: object
    ) -> runbook_pb2.PublishRunbookResponse:
        principal = caller()
        runbook = await self._backend.ask(
            Runbook,
            lambda call: events.PublishRunbook(call=call, by=principal, name=request.runbook),
        )
        return runbook_pb2.PublishRunbookResponse(runbook=convert.wire(runbook))

    async def RevertRunbook(
        self, request: runbook_pb2.RevertRunbookRequest, context: object
    ) -> runbook_pb2.RevertRunbookResponse:
        principal = caller()
        runbook = await self._backend.ask(
            Runbook,
            lambda call: events.RevertRunbook(call=call, by=principal, name=request.runbook),
        )
        return runbook_pb2.RevertRunbookResponse(runbook=convert.wire(runbook))

    async def RollbackRunbook(
        self, request: runbook_pb2.RollbackRunbookRequest, context: object
    ) -> runbook_pb2.RollbackRunbookResponse:
        principal = caller()
        runbook = await self._backend.ask(
            Runbook,
            lambda call: events.RollbackRunbook(
                call=call, by=principal, name=request.runbook, version=request.version
            ),
        )
        return runbook_pb2.RollbackRunbookResponse(runbook=convert.wire(runbook))

    async def ListRunbookVersions(
        self, request: runbook_pb2.ListRunbookVersionsRequest, context: object
    ) -> runbook_pb2.ListRunbookVersionsResponse:
        page = await self._backend.look(
            self._backend.queries.versions,
            await self._runbook(request.runbook),
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )
        return runbook_pb2.ListRunbookVersionsResponse(
            versions=[convert.wire_version(each) for each in page.rows], next_page_token=page.next
        )

    async def UpdateRunbook(
        self, request: runbook_pb2.UpdateRunbookRequest, context: object
    ) -> runbook_pb2.UpdateRunbookResponse:
        principal, asked = caller(), request.runbook
        runbook = await self._backend.ask(
            Runbook,
            lambda call: events.UpdateRunbook(
                call=call,
                by=principal,
                name=asked.name,
                fields=frozenset(request.update_mask.paths),
                description=asked.description,
                tags=dict(asked.tags),
                delivery=delivery.model(asked.delivery),
                lost_after=asked.lost_after.seconds,
                timeout=asked.timeout.seconds,
                log_verbose=asked.log_verbose,
                log_progress=asked.log_progress,
                grants=tuple(asked.grants.grants) if asked.HasField("grants") else None,
            ),
        )
        return runbook_pb2.UpdateRunbookResponse(runbook=convert.wire(runbook))

    async def GetRunbook(
        self, request: runbook_pb2.GetRunbookRequest, context: object
    ) -> runbook_pb2.GetRunbookResponse:
        runbook = await self._runbook(request.runbook)
        published, draft = await self._backend.look(self._parameters, runbook)
        return runbook_pb2.GetRunbookResponse(
            runbook=convert.wire(runbook),
            parameters=[convert.wire_parameter(parameter) for parameter in published],
            draft_parameters=[convert.wire_parameter(parameter) for parameter in draft],
        )

    async def ListRunbooks(
        self, request: runbook_pb2.ListRunbooksRequest, context: object
    ) -> runbook_pb2.ListRunbooksResponse:
        page = await self._backend.look(
            self._backend.queries.runbooks,
            caller().account,
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )
        return runbook_pb2.ListRunbooksResponse(
            runbooks=[convert.wire(runbook) for runbook in page.rows], next_page_token=page.next
        )

    async def ExportRunbook(
        self, request: runbook_pb2.ExportRunbookRequest, context: object
    ) -> runbook_pb2.ExportRunbookResponse:
        runbook = await self._runbook(request.runbook)
        content = await self._backend.look(
            lookup.script,
            self._backend.queries,
            runbook,
            version=request.version,
            draft=request.draft,
        )
        return runbook_pb2.ExportRunbookResponse(runbook=convert.wire(runbook), content=content)

    async def DeleteRunbook(
        self, request: runbook_pb2.DeleteRunbookRequest, context: object
    ) -> runbook_pb2.DeleteRunbookResponse:
        principal = caller()
        await self._backend.ask(
            type(None),
            lambda call: events.DeleteRunbook(call=call, by=principal, name=request.runbook),
        )
        return runbook_pb2.DeleteRunbookResponse()

    def _parameters(self, runbook: Runbook) -> tuple[Sequence[Parameter], Sequence[Parameter]]:
        """What the published script declares, and what the draft does."""
        queries = self._backend.queries
        draft = declared(queries.script(runbook.draft_digest), runbook.type)
        if runbook.draft_digest == runbook.published_digest:
            return draft, draft
        if not runbook.published_version:
            return (), draft
        return declared(queries.script(runbook.published_digest), runbook.type), draft

    async def _runbook(self, name: str) -> Runbook:
        backend = self._backend
        return await backend.look(lookup.runbook, backend.queries, caller().account, name)
