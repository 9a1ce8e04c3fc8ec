"""AccountService: who asks, and the secrets that let machines join."""

from dataclasses import dataclass

import farhand_wire
from farhand_server.core import events
from farhand_server.core.overview import Overview
from farhand_server.model.account import Account, AccountKey, KeySlot, RegistrationToken
from farhand_server.model.clock import UnixMs
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import caller
from farhand_server.rpc.convert import account as convert
from farhand_server.rpc.convert import delivery
from farhand_server.rpc.convert.moments import timestamp
from farhand_server.secrets import MasterKey, account_key, registration_token
from farhand_wire import limits
from farhand_wire.v1 import account_pb2, account_pb2_grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class Facade:
    """What machines need to know of this server before they can join."""

    #: host:port that agents dial.
    endpoint: str
    #: The certificate authority, PEM, and its SHA-256 (of the DER form), hexadecimal.
    ca: str
    ca_sha256: str


class AccountService(account_pb2_grpc.AccountServiceServicer):
    """Secrets are made here, shown once, and kept as hashes; account keys are kept sealed, too."""

    def __init__(self, backend: Backend, facade: Facade, master: MasterKey) -> None:
        self._backend = backend
        self._facade = facade
        self._master = master

    async def GetAccount(
        self, request: account_pb2.GetAccountRequest, context: object
    ) -> account_pb2.GetAccountResponse:
        principal, queries = caller(), self._backend.queries
        account = await self._backend.look(queries.account, principal.account)
        names = await self._backend.look(queries.unreported, principal.account)
        here = await self._backend.ask(
            Overview, lambda call: events.Overview(call=call, by=principal)
        )
        return account_pb2.GetAccountResponse(
            account=account.name,
            caller=principal.name,
            server_version=farhand_wire.__version__,
            delivery=delivery.wire(account.delivery),
            restore_time=timestamp(here.generation.restored),
            unreported_workers=names,
            dispatch_paused=here.is_paused,
            grants_listed_only=account.grants_listed_only,
        )

    async def ReleaseDispatch(
        self, request: account_pb2.ReleaseDispatchRequest, context: object
    ) -> account_pb2.ReleaseDispatchResponse:
        principal = caller()
        await self._backend.ask(
            type(None), lambda call: events.ReleaseDispatch(call=call, by=principal)
        )
        return account_pb2.ReleaseDispatchResponse()

    async def UpdateAccount(
        self, request: account_pb2.UpdateAccountRequest, context: object
    ) -> account_pb2.UpdateAccountResponse:
        principal = caller()
        listed = request.grants_listed_only if request.HasField("grants_listed_only") else None
        account = await self._backend.ask(
            Account,
            lambda call: events.UpdateAccount(
                call=call,
                by=principal,
                delivery=delivery.model(request.delivery),
                grants_listed_only=listed,
            ),
        )
        return account_pb2.UpdateAccountResponse(
            delivery=delivery.wire(account.delivery), grants_listed_only=account.grants_listed_only
        )

    async def GetCertificateAuthority(
        self, request: account_pb2.GetCertificateAuthorityRequest, context: object
    ) -> account_pb2.GetCertificateAuthorityResponse:
        return account_pb2.GetCertificateAuthorityResponse(certificate=self._facade.ca)

    async def GetAccountKeys(
        self, request: account_pb2.GetAccountKeysRequest, context: object
    ) -> account_pb2.GetAccountKeysResponse:
        found = await self._backend.look(self._backend.queries.account_keys, caller().account)
        keys = {key.slot: self._master.open_key(key) for key in found}
        return account_pb2.GetAccountKeysResponse(
            endpoint=self._facade.endpoint,
            primary_key=keys.get(KeySlot.PRIMARY, ""),
            secondary_key=keys.get(KeySlot.SECONDARY, ""),
            ca_sha256=self._facade.ca_sha256,
        )

    async def RegenerateAccountKey(
        self, request: account_pb2.RegenerateAccountKeyRequest, context: object
    ) -> account_pb2.RegenerateAccountKeyResponse:
        principal = caller()
        secret = account_key(self._backend.chance)
        key = self._master.seal_key(
            secret, principal.account, convert.slot(request.slot), self._backend.chance
        )
        await self._backend.ask(
            AccountKey, lambda call: events.ReplaceAccountKey(call=call, by=principal, key=key)
        )
        return account_pb2.RegenerateAccountKeyResponse(key=secret)

    async def CreateRegistrationToken(
        self, request: account_pb2.CreateRegistrationTokenRequest, context: object
    ) -> account_pb2.CreateRegistrationTokenResponse:
        principal = caller()
        secret = registration_token(self._backend.chance)
        now = self._backend.clock.unix_ms()
        life = request.ttl.ToMilliseconds() or int(limits.TOKEN_TTL_SECONDS * 1000)
        uses = request.uses or 1
        token = RegistrationToken(
            id=secret.id,
            account=principal.account,
            group_name=request.group,
            hash=secret.hash,
            created=now,
            expires=UnixMs(now + life),
            uses=uses,
            uses_left=uses,
            cidrs=tuple(request.cidrs),
        )
        await self._backend.ask(
            RegistrationToken,
            lambda call: events.CreateRegistrationToken(call=call, by=principal, token=token),
        )
        return account_pb2.CreateRegistrationTokenResponse(
            registration_token=convert.token(token),
            token=secret.text,
            endpoint=self._facade.endpoint,
            ca_sha256=self._facade.ca_sha256,
            command=(
                f"farhand-agent register --group {request.group}"
                f" --endpoint {self._facade.endpoint} --ca-sha256 {self._facade.ca_sha256}"
                f" --token {secret.text}"
            ),
        )

    async def ListRegistrationTokens(
        self, request: account_pb2.ListRegistrationTokensRequest, context: object
    ) -> account_pb2.ListRegistrationTokensResponse:
        page = await self._backend.look(
            self._backend.queries.registration_tokens,
            caller().account,
            size=request.page_size or limits.PAGE_SIZE,
            after=request.page_token,
        )
        return account_pb2.ListRegistrationTokensResponse(
            registration_tokens=[convert.token(token) for token in page.rows],
            next_page_token=page.next,
        )

    async def RevokeRegistrationToken(
        self, request: account_pb2.RevokeRegistrationTokenRequest, context: object
    ) -> account_pb2.RevokeRegistrationTokenResponse:
        principal = caller()
        await self._backend.ask(
            type(None),
            lambda call: events.RevokeRegistrationToken(
                call=call, by=principal, token=request.token_id
            ),
        )
        return account_pb2.RevokeRegistrationTokenResponse()
