"""AssetService: secrets go in, and never come out again here."""

from typing import Protocol

from farhand_server.core import events
from farhand_server.engine.ports import Page
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.parameter import Json
from farhand_server.rpc import lookup
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import caller
from farhand_server.rpc.convert import assets as convert
from farhand_server.rpc.convert import certificate, parameters
from farhand_wire import limits
from farhand_wire.v1 import asset_pb2, asset_pb2_grpc


class _Paged(Protocol):
    page_size: int
    page_token: str


class AssetService(asset_pb2_grpc.AssetServiceServicer):
    """Unpack, ask, pack."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    # --- variables --------------------------------------------------------------------------

    async def CreateVariable(
        self, request: asset_pb2.CreateVariableRequest, context: object
    ) -> asset_pb2.CreateVariableResponse:
        asked = request.variable
        made = await self._create(
            AssetKind.VARIABLE,
            asked.name,
            description=asked.description,
            encrypted=asked.encrypted,
            values={"value": convert.value(asked.value)},
        )
        return asset_pb2.CreateVariableResponse(variable=convert.variable(made))

    async def GetVariable(
        self, request: asset_pb2.GetVariableRequest, context: object
    ) -> asset_pb2.GetVariableResponse:
        found = await self._asset(AssetKind.VARIABLE, request.name)
        return asset_pb2.GetVariableResponse(variable=convert.variable(found))

    async def ListVariables(
        self, request: asset_pb2.ListVariablesRequest, context: object
    ) -> asset_pb2.ListVariablesResponse:
        page = await self._page(AssetKind.VARIABLE, request)
        return asset_pb2.ListVariablesResponse(
            variables=[convert.variable(asset) for asset in page.rows], next_page_token=page.next
        )

    async def UpdateVariable(
        self, request: asset_pb2.UpdateVariableRequest, context: object
    ) -> asset_pb2.UpdateVariableResponse:
        asked, mask = request.variable, frozenset(request.update_mask.paths)
        saved = await self._update(
            AssetKind.VARIABLE,
            asked.name,
            description=asked.description if "description" in mask else None,
            values={"value": convert.value(asked.value)} if "value" in mask else None,
        )
        return asset_pb2.UpdateVariableResponse(variable=convert.variable(saved))

    async def DeleteVariable(
        self, request: asset_pb2.DeleteVariableRequest, context: object
    ) -> asset_pb2.DeleteVariableResponse:
        await self._delete(AssetKind.VARIABLE, request.name)
        return asset_pb2.DeleteVariableResponse()

    # --- credentials ------------------------------------------------------------------------

    async def CreateCredential(
        self, request: asset_pb2.CreateCredentialRequest, context: object
    ) -> asset_pb2.CreateCredentialResponse:
        asked = request.credential
        made = await self._create(
            AssetKind.CREDENTIAL,
            asked.name,
            description=asked.description,
            values={"user_name": asked.user_name},
            secrets={"password": request.password},
        )
        return asset_pb2.CreateCredentialResponse(credential=convert.credential(made))

    async def GetCredential(
        self, request: asset_pb2.GetCredentialRequest, context: object
    ) -> asset_pb2.GetCredentialResponse:
        found = await self._asset(AssetKind.CREDENTIAL, request.name)
        return asset_pb2.GetCredentialResponse(credential=convert.credential(found))

    async def ListCredentials(
        self, request: asset_pb2.ListCredentialsRequest, context: object
    ) -> asset_pb2.ListCredentialsResponse:
        page = await self._page(AssetKind.CREDENTIAL, request)
        return asset_pb2.ListCredentialsResponse(
            credentials=[convert.credential(asset) for asset in page.rows],
            next_page_token=page.next,
        )

    async def UpdateCredential(
        self, request: asset_pb2.UpdateCredentialRequest, context: object
    ) -> asset_pb2.UpdateCredentialResponse:
        asked, mask = request.credential, frozenset(request.update_mask.paths)
        saved = await self._update(
            AssetKind.CREDENTIAL,
            asked.name,
            description=asked.description if "description" in mask else None,
            values={"user_name": asked.user_name} if "user_name" in mask else None,
            secrets={"password": request.password} if "password" in mask else None,
        )
        return asset_pb2.UpdateCredentialResponse(credential=convert.credential(saved))

    async def DeleteCredential(
        self, request: asset_pb2.DeleteCredentialRequest, context: object
    ) -> asset_pb2.DeleteCredentialResponse:
        await self._delete(AssetKind.CREDENTIAL, request.name)
        return asset_pb2.DeleteCredentialResponse()

    # --- certificates -----------------------------------------------------------------------

    async def CreateCertificate(
        self, request: asset_pb2.CreateCertificateRequest, context: object
    ) -> asset_pb2.CreateCertificateResponse:
        content = certificate.read(request.content, request.password)
        made = await self._create(
            AssetKind.CERTIFICATE,
            request.name,
            description=request.description,
            values=content.values(exportable=request.exportable),
            secrets=content.secrets(),
        )
        return asset_pb2.CreateCertificateResponse(certificate=convert.certificate(made))

    async def GetCertificate(
        self, request: asset_pb2.GetCertificateRequest, context: object
    ) -> asset_pb2.GetCertificateResponse:
        found = await self._asset(AssetKind.CERTIFICATE, request.name)
        return asset_pb2.GetCertificateResponse(certificate=convert.certificate(found))

    async def ListCertificates(
        self, request: asset_pb2.ListCertificatesRequest, context: object
    ) -> asset_pb2.ListCertificatesResponse:
        page = await self._page(AssetKind.CERTIFICATE, request)
        return asset_pb2.ListCertificatesResponse(
            certificates=[convert.certificate(asset) for asset in page.rows],
            next_page_token=page.next,
        )

    async def UpdateCertificate(
        self, request: asset_pb2.UpdateCertificateRequest, context: object
    ) -> asset_pb2.UpdateCertificateResponse:
        mask = frozenset(request.update_mask.paths)
        values: dict[str, Json] = {}
        secrets = None
        if "content" in mask:
            content = certificate.read(request.content, request.password)
            values, secrets = content.values(exportable=False), content.secrets()
            del values["exportable"]
        if "exportable" in mask:
            values["exportable"] = request.exportable
        saved = await self._update(
            AssetKind.CERTIFICATE,
            request.name,
            description=request.description if "description" in mask else None,
            values=values or None,
            secrets=secrets,
        )
        return asset_pb2.UpdateCertificateResponse(certificate=convert.certificate(saved))

    async def DeleteCertificate(
        self, request: asset_pb2.DeleteCertificateRequest, context: object
    ) -> asset_pb2.DeleteCertificateResponse:
        await self._delete(AssetKind.CERTIFICATE, request.name)
        return asset_pb2.DeleteCertificateResponse()

    # --- connections ------------------------------------------------------------------------

    async def CreateConnection(
        self, request: asset_pb2.CreateConnectionRequest, context: object
    ) -> asset_pb2.CreateConnectionResponse:
        asked = request.connection
        made = await self._create(
            AssetKind.CONNECTION,
            asked.name,
            description=asked.description,
            values={
                "connection_type": asked.connection_type,
                "fields": parameters.plain(asked.fields),
            },
            secrets=parameters.plain(request.secret_fields),
        )
        return asset_pb2.CreateConnectionResponse(connection=convert.connection(made))

    async def GetConnection(
        self, request: asset_pb2.GetConnectionRequest, context: object
    ) -> asset_pb2.GetConnectionResponse:
        found = await self._asset(AssetKind.CONNECTION, request.name)
        return asset_pb2.GetConnectionResponse(connection=convert.connection(found))

    async def ListConnections(
        self, request: asset_pb2.ListConnectionsRequest, context: object
    ) -> asset_pb2.ListConnectionsResponse:
        page = await self._page(AssetKind.CONNECTION, request)
        return asset_pb2.ListConnectionsResponse(
            connections=[convert.connection(asset) for asset in page.rows],
            next_page_token=page.next,
        )

    async def UpdateConnection(
        self, request: asset_pb2.UpdateConnectionRequest, context: object
    ) -> asset_pb2.UpdateConnectionResponse:
        asked, mask = request.connection, frozenset(request.update_mask.paths)
        values: dict[str, Json] = {}
        if "connection_type" in mask:
            values["connection_type"] = asked.connection_type
        if "fields" in mask:
            values["fields"] = parameters.plain(asked.fields)
        sealed = parameters.plain(request.secret_fields) if "secret_fields" in mask else None
        saved = await self._update(
            AssetKind.CONNECTION,
            asked.name,
            description=asked.description if "description" in mask else None,
            values=values or None,
            secrets=sealed,
        )
        return asset_pb2.UpdateConnectionResponse(connection=convert.connection(saved))

    async def DeleteConnection(
        self, request: asset_pb2.DeleteConnectionRequest, context: object
    ) -> asset_pb2.DeleteConnectionResponse:
        await self._delete(AssetKind.CONNECTION, request.name)
        return asset_pb2.DeleteConnectionResponse()

    # --- all kinds --------------------------------------------------------------------------

    async def _asset(self, kind: AssetKind, name: str) -> Asset:
        backend = self._backend
        return await backend.look(lookup.asset, backend.queries, caller().account, kind, name)

    async def _page(self, kind: AssetKind, request: _Paged) -> Page[Asset]:
        return await self._backend.look(
            self._backend.queries.assets,
            caller().account,
            kind,
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )

    async def _create(
        self,
        kind: AssetKind,
        name: str,
        *,
        description: str,
        encrypted: bool = False,
        values: dict[str, Json],
        secrets: dict[str, Json] | None = None,
    ) -> Asset:
        principal = caller()
        return await self._backend.ask(
            Asset,
            lambda call: events.CreateAsset(
                call=call,
                by=principal,
                kind=kind,
                name=name,
                description=description,
                encrypted=encrypted,
                values=values,
                secrets=secrets,
            ),
        )

    async def _update(
        self,
        kind: AssetKind,
        name: str,
        *,
        description: str | None,
        values: dict[str, Json] | None = None,
        secrets: dict[str, Json] | None = None,
    ) -> Asset:
        principal = caller()
        return await self._backend.ask(
            Asset,
            lambda call: events.UpdateAsset(
                call=call,
                by=principal,
                kind=kind,
                name=name,
                description=description,
                values=values,
                secrets=secrets,
            ),
        )

    async def _delete(self, kind: AssetKind, name: str) -> None:
        principal = caller()
        await self._backend.ask(
            type(None),
            lambda call: events.DeleteAsset(call=call, by=principal, kind=kind, name=name),
        )
