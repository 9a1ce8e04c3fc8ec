"""What a script asks for and what it is told: JSON on the job's socket, messages on the stream."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from farhand_wire import limits
from farhand_wire.v1 import job_pb2, worker_pb2


class BadQuestion(Exception):
    """It asks for nothing that there is; the message says why."""


# ---- to the server -------------------------------------------------------------------------


def question(asked: Mapping[str, Any]) -> bytes:
    """A worker_pb2.Ask that does not say yet who asks. Raises BadQuestion."""
    known = [name for name in _QUESTIONS if name in asked]
    if len(known) != 1 or not isinstance(asked[known[0]], dict):
        raise BadQuestion(f"ask for one of {', '.join(_QUESTIONS)}, with an object")
    (name,) = known
    try:
        made = worker_pb2.Ask(**{name: _QUESTIONS[name](asked[name])}).SerializeToString()
    except (ValueError, RecursionError):
        raise BadQuestion(f"{name} holds what is no text, or is nested too deeply") from None
    if len(made) > limits.ASK_BYTES:
        raise BadQuestion(f"{name} has {len(made):,} bytes of {limits.ASK_BYTES:,}")
    return made


def _start_child(asked: Mapping[str, Any]) -> worker_pb2.StartChild:
    parameters = asked.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise BadQuestion("parameters must be an object")
    return worker_pb2.StartChild(
        job_id=_text(asked, "job_id"),
        runbook=_text(asked, "runbook"),
        run_on=_text(asked, "run_on", ""),
        parameters_json=json.dumps(parameters, ensure_ascii=False),
        stop_with_parent=bool(asked.get("stop_with_parent")),
    )


def _set_variable(asked: Mapping[str, Any]) -> worker_pb2.SetVariable:
    if "value" not in asked:
        raise BadQuestion("value is missing")
    text = json.dumps(asked["value"], ensure_ascii=False, separators=(",", ":"))
    return worker_pb2.SetVariable(name=_text(asked, "name"), value_json=text)


def _read_child(asked: Mapping[str, Any]) -> worker_pb2.ReadChild:
    made = worker_pb2.ReadChild(job_id=_text(asked, "job_id"))
    if place := _text(asked, "from", ""):
        try:
            attempt, offset = map(int, place.split("."))
            getattr(made, "from").CopyFrom(job_pb2.OutputPosition(attempt=attempt, offset=offset))
        except ValueError:
            raise BadQuestion("from must be what the answer before called next") from None
    return made


_QUESTIONS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "get_asset": lambda asked: worker_pb2.GetAsset(
        kind=_text(asked, "kind"), name=_text(asked, "name")
    ),
    "set_variable": _set_variable,
    "start_child": _start_child,
    "get_child": lambda asked: worker_pb2.GetChild(
        job_id=_text(asked, "job_id"), wait=bool(asked.get("wait"))
    ),
    "read_child": _read_child,
}


def _text(asked: Mapping[str, Any], name: str, without: str | None = None) -> str:
    value = asked.get(name, without)
    if not isinstance(value, str):
        raise BadQuestion(f"{name} must be text")
    return value


# ---- from the server -----------------------------------------------------------------------


def answer(told: worker_pb2.Answer) -> bytes:
    """JSON: what its script is told, and the secrets in it, which are for the runner alone."""
    kind = told.WhichOneof("answer")
    if kind is None:
        return refused("UNKNOWN_ANSWER", "the control plane is newer than this agent; update it")
    return _packed({kind: _ANSWERS[kind](getattr(told, kind))}, told.secrets)


def refused(reason: str, message: str) -> bytes:
    """The same, of a question that does not get to the server."""
    return _packed({"refused": {"reason": reason, "message": message}}, ())


def _packed(told: Mapping[str, Any], secrets: Any) -> bytes:
    return json.dumps({"answer": told, "secrets": list(secrets)}).encode()


def _asset(asset: worker_pb2.AssetValue) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": asset.kind, "name": asset.name, "version": asset.version}
    return made | (_ASSETS[asset.kind](asset) if asset.kind in _ASSETS else {})


_ASSETS: dict[str, Callable[[worker_pb2.AssetValue], dict[str, Any]]] = {
    "variable": lambda asset: {
        "value": json.loads(asset.value_json),
        "encrypted": asset.encrypted,
    },
    "credential": lambda asset: {"user_name": asset.user_name, "password": asset.password},
    "certificate": lambda asset: {
        "thumbprint": asset.thumbprint,
        "subject": asset.subject,
        "expire_time": asset.expire_time.ToJsonString(),
        "exportable": asset.exportable,
        "content": base64.b64encode(asset.content).decode(),
    },
    "connection": lambda asset: {
        "connection_type": asset.connection_type,
        "fields": json.loads(asset.fields_json),
    },
}


def _child(child: worker_pb2.Child) -> dict[str, Any]:
    made: dict[str, Any] = {
        "job_id": child.job_id,
        "runbook": child.runbook,
        "status": child.status,
        "status_details": child.status_details,
        "final": child.final,
    }
    return made | ({"exit_code": child.exit_code} if child.HasField("exit_code") else {})


_ANSWERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "asset": _asset,
    "done": lambda _: {},
    "child": _child,
    "output": lambda output: {
        "text": output.text,
        "next": f"{output.next.attempt}.{output.next.offset}",
        "end": output.end,
    },
    "refused": lambda refusal: {"reason": refusal.reason, "message": refusal.message},
}
