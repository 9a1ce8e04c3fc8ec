"""The one place where a refusal becomes a gRPC status, and a line in the log."""

from typing import NoReturn

import grpc
import structlog
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import aio
from grpc_status import rpc_status  # type: ignore[import-untyped]

from farhand_server.errors import Kind, Refusal

log = structlog.get_logger("farhand.rpc")

DOMAIN = "farhand.dev"
#: A status travels in HTTP/2 headers, of which peers take 8 KiB.
VIOLATIONS = 20
TEXT_CHARACTERS = 1_000
PROBLEM_CHARACTERS = 200

CODES: dict[Kind, grpc.StatusCode] = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Kind.STATE: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.LIMIT: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


async def refuse(
    context: aio.ServicerContext[object, object], refusal: Refusal, *, method: str
) -> NoReturn:
    """Ends the call with the refusal as its status."""
    log.info(
        "refused",
        method=method,
        reason=refusal.reason,
        message=refusal.message,
        peer=context.peer(),
        fields=[violation.field for violation in refusal.violations],
    )
    await context.abort_with_status(rpc_status.to_status(status(refusal)))
    raise AssertionError("abort returned")


def status(refusal: Refusal) -> status_pb2.Status:
    """The refusal as google.rpc.Status: code, text, ErrorInfo, and BadRequest for bad fields."""
    code: int = CODES[refusal.kind].value[0]
    answer = status_pb2.Status(code=code, message=_short(refusal.message, TEXT_CHARACTERS))
    answer.details.append(_packed(_info(refusal)))
    if refusal.violations:
        answer.details.append(_packed(_bad_request(refusal)))
    return answer


def _info(refusal: Refusal) -> error_details_pb2.ErrorInfo:
    words = {"why": refusal.why, "do": refusal.do, **refusal.fields}
    return error_details_pb2.ErrorInfo(
        reason=refusal.reason,
        domain=DOMAIN,
        metadata={name: _short(text, TEXT_CHARACTERS) for name, text in words.items() if text},
    )


def _bad_request(refusal: Refusal) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=_short(violation.field, PROBLEM_CHARACTERS),
                description=_short(violation.problem, PROBLEM_CHARACTERS),
            )
            for violation in refusal.violations[:VIOLATIONS]
        ]
    )


def _packed(
    detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
