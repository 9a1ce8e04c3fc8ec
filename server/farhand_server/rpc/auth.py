"""Who may call what: every method is in one table, and what is not in it does not exist.

Decided before anything of the request is read.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

import grpc
from grpc import aio

from farhand_server.engine.ports import Clock
from farhand_server.errors import Refusal, Unauthenticated
from farhand_server.model.account import Principal
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.caller import set_caller


class Policy(enum.Enum):
    """What a method asks of its caller."""

    #: Nothing; the method proves or reveals nothing by itself.
    OPEN = enum.auto()
    #: An API token.
    OPERATOR = enum.auto()


_METHODS: dict[Policy, dict[str, tuple[str, ...]]] = {
    Policy.OPEN: {
        # The first frames of the stream prove the worker's key.
        "farhand.v1.WorkerService": ("Connect",),
        # A machine that joins has nothing but a fingerprint to check the answer against.
        "farhand.v1.AccountService": ("GetCertificateAuthority",),
        "grpc.health.v1.Health": ("Check", "Watch", "List"),
    },
    Policy.OPERATOR: {
        "farhand.v1.JobService": (
            "StartJob",
            "GetJob",
            "ListJobs",
            "StopJob",
            "SuspendJob",
            "ResumeJob",
            "ForceCloseJob",
            "WatchJob",
            "ReadJobOutput",
            "FollowJobOutput",
            "ExplainJob",
            "GetJobReceipt",
        ),
        "farhand.v1.RunbookService": (
            "ImportRunbook",
            "PublishRunbook",
            "RevertRunbook",
            "RollbackRunbook",
            "ListRunbookVersions",
            "UpdateRunbook",
            "GetRunbook",
            "ListRunbooks",
            "ExportRunbook",
            "DeleteRunbook",
        ),
        "farhand.v1.AssetService": (
            "CreateVariable",
            "GetVariable",
            "ListVariables",
            "UpdateVariable",
            "DeleteVariable",
            "CreateCredential",
            "GetCredential",
            "ListCredentials",
            "UpdateCredential",
            "DeleteCredential",
            "CreateCertificate",
            "GetCertificate",
            "ListCertificates",
            "UpdateCertificate",
            "DeleteCertificate",
            "CreateConnection",
            "GetConnection",
            "ListConnections",
            "UpdateConnection",
            "DeleteConnection",
        ),
        "farhand.v1.HybridWorkerGroupService": (
            "CreateHybridWorkerGroup",
            "GetHybridWorkerGroup",
            "ListHybridWorkerGroups",
            "UpdateHybridWorkerGroup",
            "DeleteHybridWorkerGroup",
        ),
        "farhand.v1.HybridWorkerService": (
            "GetHybridWorker",
            "ListHybridWorkers",
            "DeleteHybridWorker",
            "ResumeHybridWorker",
        ),
        "farhand.v1.AccountService": (
            "GetAccount",
            "UpdateAccount",
            "GetAccountKeys",
            "RegenerateAccountKey",
            "CreateRegistrationToken",
            "ListRegistrationTokens",
            "RevokeRegistrationToken",
            "ReleaseDispatch",
        ),
        "grpc.reflection.v1.ServerReflection": ("ServerReflectionInfo",),
        "grpc.reflection.v1alpha.ServerReflection": ("ServerReflectionInfo",),
    },
}

POLICIES: Mapping[str, Policy] = {
    f"/{service}/{method}": policy
    for policy, services in _METHODS.items()
    for service, methods in services.items()
    for method in methods
}


class Authentication(aio.ServerInterceptor):
    """Lets a call through to its handler, or answers in its place."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        match POLICIES.get(str(handler_call_details.method)):
            case None:
                return _answer_with(None)
            case Policy.OPERATOR:
                try:
                    bearer = _bearer(handler_call_details.invocation_metadata)
                    set_caller(await self._callers.principal(bearer))
                except Refusal as refusal:
                    return _answer_with(refusal)
        return await continuation(handler_call_details)


class Callers:
    """API tokens and whom they stand for, remembered for a few seconds."""

    #: A revoked token may still be used for this long.
    REMEMBER_SECONDS = 5.0
    REMEMBER_MOST = 1_000

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[str, tuple[Principal, float]] = {}

    async def principal(self, token: str) -> Principal:
        """Raises Unauthenticated."""
        clock = self._backend.clock
        digest = hashlib.sha256(token.encode()).hexdigest()
        known, until = self._known.get(digest, (None, 0.0))
        if known is None or until < clock.monotonic():
            known = await self._backend.look(self._backend.queries.principal, digest)
            self._remember(digest, known, clock)
        if known is None:
            raise Unauthenticated(
                "the API token is not valid",
                why="this server does not know it, or it was revoked",
                do="use a token (fh_…) of this server; farhand context list shows what is used",
            )
        if known.expires is not None and known.expires <= clock.unix_ms():
            raise Unauthenticated(
                f'the API token "{known.name}" has expired', do="ask an owner for a new one"
            )
        return known

    def _remember(self, digest: str, principal: Principal | None, clock: Clock) -> None:
        self._known.pop(digest, None)
        if principal is not None:
            if len(self._known) >= self.REMEMBER_MOST:
                self._known.clear()
            self._known[digest] = (principal, clock.monotonic() + self.REMEMBER_SECONDS)


def _bearer(metadata: Any) -> str:
    for name, value in metadata or ():
        if name == "authorization" and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                return token.strip()
    raise Unauthenticated(
        "no API token was sent",
        why="this method is for operators",
        do="send the metadata 'authorization: Bearer fh_…'",
    )


def _answer_with(refusal: Refusal | None) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler that reads nothing: the refusal, or that there is no such method."""

    async def answer(_: object, context: aio.ServicerContext[Any, Any]) -> NoReturn:
        if refusal is not None:
            raise refusal
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server has no such method")
        raise AssertionError("abort returned")

    return grpc.stream_stream_rpc_method_handler(answer)
