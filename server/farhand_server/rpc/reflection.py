"""Reflection for grpcurl and its like, in both versions of the protocol.

grpcio-reflection serves v1alpha only; the messages of v1 are the same.
"""

from collections.abc import Sequence

import grpc
from grpc import aio
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]

VERSIONS = ("v1", "v1alpha")


def add_reflection(server: aio.Server, services: Sequence[str]) -> None:
    """Describes `services`, and itself."""
    names = [f"grpc.reflection.{version}.ServerReflection" for version in VERSIONS]
    servicer = reflection.aio.ReflectionServicer([*services, names[1]])
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler})
            for name in names
        ]
    )
