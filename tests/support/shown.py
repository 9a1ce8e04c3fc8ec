"""Everything that the API shows to an owner: the answers of all methods that only look."""

from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any

import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from farhand_wire.v1 import (
    account_pb2,
    account_pb2_grpc,
    asset_pb2,
    asset_pb2_grpc,
    hybrid_worker_group_pb2,
    hybrid_worker_group_pb2_grpc,
    hybrid_worker_pb2,
    hybrid_worker_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    runbook_pb2,
    runbook_pb2_grpc,
)

_LOOKING = ("Get", "List", "Read", "Follow", "Watch", "Explain", "Export")
_FILES: tuple[tuple[Any, ModuleType], ...] = (
    (account_pb2, account_pb2_grpc),
    (asset_pb2, asset_pb2_grpc),
    (hybrid_worker_group_pb2, hybrid_worker_group_pb2_grpc),
    (hybrid_worker_pb2, hybrid_worker_pb2_grpc),
    (job_pb2, job_pb2_grpc),
    (runbook_pb2, runbook_pb2_grpc),
)
_WAIT_SECONDS = 30.0


def shown(
    channel: grpc.Channel,
    metadata: tuple[tuple[str, str], ...],
    asked: Mapping[str, list[dict[str, Any]]],
    without: Collection[str] = (),
) -> dict[str, bytes]:
    """By method: its answers as they are on the wire and as JSON. `asked` are the fields of
    requests; a method that is not there is called once, with none, but those in `without` are not.
    Of what never ends the first answer is taken."""
    answers = {}
    for file, stubs in _FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            stub = getattr(stubs, f"{service.name}Stub")(channel)
            for method in service.methods:
                if method.name.startswith(_LOOKING) and method.name not in without:
                    request = getattr(file, method.input_type.name)
                    call = getattr(stub, method.name)
                    answers[method.name] = b"".join(
                        _answer(call, request(**fields), metadata)
                        for fields in asked.get(method.name, [{}])
                    )
    return answers


def _answer(call: Any, request: Message, metadata: tuple[tuple[str, str], ...]) -> bytes:
    answer = call(request, metadata=metadata, timeout=_WAIT_SECONDS)
    if isinstance(answer, Message):
        return _both(answer)
    if "Watch" in request.DESCRIPTOR.name:
        first = _both(next(answer))
        answer.cancel()
        return first
    return b"".join(map(_both, answer))


def _both(answer: Message) -> bytes:
    return answer.SerializeToString() + MessageToJson(answer, ensure_ascii=False).encode()
