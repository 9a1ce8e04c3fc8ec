"""A gRPC status as a Failure: the server's own words where it gave any."""

from typing import cast

import grpc
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from farhand_cli.diagnosis import diagnose
from farhand_cli.failure import Failure, Violation
from farhand_cli.target import Target

#: What to do where the server does not say it.
_STEPS = {
    grpc.StatusCode.UNAUTHENTICATED: "give a valid token: FARHAND_TOKEN, or farhand context add",
    grpc.StatusCode.PERMISSION_DENIED: "ask an Owner of the account",
    grpc.StatusCode.UNIMPLEMENTED: "use a farhand as old as the server, or upgrade the server",
    grpc.StatusCode.INTERNAL: "look for it in the server's log",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "try again a little later",
}
#: Codes that the way to a server produces as well as the server.
_TRANSPORT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


def failure(error: grpc.RpcError, target: Target) -> Failure:
    """What the status says, in our form."""
    call = cast(grpc.Call, error)
    code, message = call.code(), call.details() or ""
    info, violations = _details(call)
    if info is None and code in _TRANSPORT:
        found = diagnose(target, message)
        # Notes are for who cannot know whether the request arrived; no trust, no request.
        return found.with_steps(getattr(error, "__notes__", ())) if found.silent else found
    told = info.metadata if info else {}
    step = told.get("do") or _STEPS.get(code, "")
    return Failure(
        message or code.name.lower().replace("_", " "),
        why=told.get("why", ""),
        do=step.splitlines(),
        violations=violations,
        code=(info.reason if info else code.name).lower(),
    )


def _details(call: grpc.Call) -> tuple[error_details_pb2.ErrorInfo | None, list[Violation]]:
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # a proxy changed the code: the details are of no use
        status = None
    info: error_details_pb2.ErrorInfo | None = None
    violations: list[Violation] = []
    for detail in status.details if status else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            refused = error_details_pb2.BadRequest()
            detail.Unpack(refused)
            violations += [Violation(v.field, v.description) for v in refused.field_violations]
    return info, violations
