"""gRPC statuses as errors for people: the one place that knows which codes are worth a retry."""

import grpc
import grpc.aio
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from farhand_agent.errors import AgentError, Refused, Unreachable, WorkerUnknown

DOMAIN = "farhand.dev"
UNKNOWN = "WORKER_UNKNOWN"
#: An operator has to look before this worker is let in: there is no hurry to ask again.
HELD_UP = frozenset({"SESSION_CONFLICT", "WORKER_REFUSED"})

#: Said by the control plane itself, whatever stands before it. Everything else (UNAVAILABLE,
#: CANCELLED, UNKNOWN, INTERNAL, DEADLINE_EXCEEDED) proxies and broken connections say as well.
_VERDICTS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


def explain(error: grpc.aio.AioRpcError, endpoint: str) -> AgentError:
    """What the end of a call means."""
    info = _info(error)
    said = info.metadata if info else {}
    message = error.details() or "no reason was given"
    if error.code() not in _VERDICTS:
        return Unreachable(
            message if info else f"{endpoint} does not answer",
            why=said.get("why") or f"{error.code().name}: {message}",
            do=said.get("do")
            or "check the endpoint, the network between, and that the server runs",
        )
    reason = info.reason if info else ""
    kind = WorkerUnknown if reason == UNKNOWN else Refused
    return kind(
        message,
        why=said.get("why") or f"the control plane answered {error.code().name}",
        do=said.get("do") or "ask whoever runs the control plane; its log names the reason",
        reason=reason,
    )


def _info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return None
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info) and info.domain == DOMAIN:
            return info
    return None
