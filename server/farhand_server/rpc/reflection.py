"""Reflection for grpcurl and its like, in both versions of the protocol.

grpcio-reflection serves v1alpha only; the messages of v1 are the same.
"""

from collections.abc import Sequence

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc import aio
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]

VERSIONS = ("v1", "v1alpha")


def add_reflection(server: aio.Server, services: Sequence[str]) -> None:
    """Describes `services`, and itself."""
    names = [f"grpc.reflection.{version}.ServerReflection" for version in VERSIONS]
    described = [*services, names[1]]
    servicer = reflection.aio.ReflectionServicer(described, pool=_pool(described))
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


def _pool(services: Sequence[str]) -> descriptor_pool.DescriptorPool:
    """The files of `services` with JSON names spelled out: generated Python leaves them out, and
    grpcurl would print `job_id` where the JSON mapping says `jobId`."""
    pool = descriptor_pool.DescriptorPool()
    known = descriptor_pool.Default()
    added: set[str] = set()
    for service in services:
        _add(known.FindFileContainingSymbol(service), pool, added)
    return pool


def _add(file: FileDescriptor, pool: descriptor_pool.DescriptorPool, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add(dependency, pool, added)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _name_fields(message)
    pool.Add(proto)


def _name_fields(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        head, *rest = field.name.split("_")
        field.json_name = head + "".join(part.capitalize() for part in rest)
    for nested in message.nested_type:
        _name_fields(nested)
