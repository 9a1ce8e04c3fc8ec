"""The outermost interceptor: every request is checked, every exception becomes a status.

Without it grpc.aio would send the text of an unexpected exception to the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.message import Message
from grpc import aio

from farhand_server.errors import Refusal
from farhand_server.rpc import validate
from farhand_server.rpc.status import refuse

log = structlog.get_logger("farhand.rpc")

#: How long the end of a call may take.
FAREWELL_SECONDS = 5.0

Context = aio.ServicerContext[Any, Any]
Handler = Callable[[Any, Context], Any]


class Guard(aio.ServerInterceptor):
    """Wraps every handler."""

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler: Any
        try:
            handler = await continuation(handler_call_details)
        except Exception as error:
            handler = _raising(error)
        if handler is None:
            return handler  # grpc answers UNIMPLEMENTED
        kind, make = _KINDS[handler.request_streaming, handler.response_streaming]
        guarded = _guarded(getattr(handler, kind), str(handler_call_details.method))
        return make(guarded, handler.request_deserializer, handler.response_serializer)


_KINDS: dict[tuple[bool, bool], tuple[str, Callable[..., grpc.RpcMethodHandler[Any, Any]]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


def _raising(error: Exception) -> grpc.RpcMethodHandler[Any, Any]:
    async def answer(_: object, context: Context) -> NoReturn:
        raise error

    return grpc.stream_stream_rpc_method_handler(answer)


def _guarded(handle: Handler, method: str) -> Handler:
    if inspect.isasyncgenfunction(handle):

        async def generate(request: Any, context: Context) -> AsyncIterator[Any]:
            try:
                _check(request)
                async with contextlib.aclosing(handle(request, context)) as answers:
                    async for answer in answers:
                        yield answer
            except Exception as error:
                await _fail(context, error, method)

        return generate

    async def answer(request: Any, context: Context) -> Any:
        try:
            _check(request)
            return await handle(request, context)
        except Exception as error:
            await _fail(context, error, method)

    return answer


def _check(request: Any) -> None:
    if isinstance(request, Message):
        validate.check(request)


async def _fail(context: Context, error: Exception, method: str) -> NoReturn:
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await _end(context, error, method)
    except TimeoutError:
        # It waits behind what was sent before: for ever, if the caller reads nothing.
        raise asyncio.CancelledError from None
    raise AssertionError("abort returned")


async def _end(context: Context, error: Exception, method: str) -> None:
    match error:
        case aio.AbortError() | asyncio.CancelledError():
            raise error
        case Refusal():
            await refuse(context, error, method=method)
        case _:
            # The id joins the caller's status and our log; the text stays here.
            number = uuid.uuid4().hex[:8]
            log.error("internal error", id=number, method=method, exc_info=error)
            await context.abort(grpc.StatusCode.INTERNAL, f"internal error {number}")
