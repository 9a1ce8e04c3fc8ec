"""What jobs ask for, and what they are answered: messages of the stream and model values."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from farhand_server.declared.values import argument, as_text, texts
from farhand_server.model import ask
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import JobId
from farhand_server.model.parameter import Json
from farhand_server.rpc.convert.certificate import private_key_texts
from farhand_server.rpc.convert.moments import timestamp
from farhand_wire.v1 import job_pb2, worker_pb2

# ---- from a worker -------------------------------------------------------------------------


def _start_child(said: worker_pb2.StartChild) -> ask.StartChild:
    given = json.loads(said.parameters_json or "{}")
    return ask.StartChild(
        job=JobId(said.job_id),
        runbook=said.runbook,
        run_on=said.run_on,
        parameters=as_text({name: given[name] for name in sorted(given)}),
        arguments=tuple(map(argument, given.values())),
        stop_with_parent=said.stop_with_parent,
    )


_QUESTIONS: dict[str, Callable[[Any], ask.Question]] = {
    "get_asset": lambda said: ask.GetAsset(kind=AssetKind(said.kind), name=said.name),
    "set_variable": lambda said: ask.SetVariable(name=said.name, value=json.loads(said.value_json)),
    "start_child": _start_child,
    "get_child": lambda said: ask.GetChild(job=JobId(said.job_id), wait=said.wait),
}


def question(kind: str, said: Any) -> ask.Question:
    """One that was checked."""
    return _QUESTIONS[kind](said)


# ---- to a worker ---------------------------------------------------------------------------


def wire(answer: ask.Answer) -> worker_pb2.Answer:
    """Without saying to whom."""
    match answer:
        case ask.AssetAnswer(asset=asset, secrets=secrets):
            value = _ASSETS[asset.kind](asset, secrets)
            return worker_pb2.Answer(asset=value, secrets=_masked(asset, secrets))
        case ask.Done(secret=secret):
            return worker_pb2.Answer(done=worker_pb2.Done(), secrets=texts(secret))
        case ask.ChildAnswer(job=job):
            child = worker_pb2.Child(
                job_id=job.id,
                runbook=job.runbook,
                status=job.status.name.capitalize(),
                status_details=job.details,
                exit_code=job.end.code if job.end else None,
                final=job.status.is_final,
            )
            return worker_pb2.Answer(child=child)
        case ask.OutputText(text=text, attempt=attempt, offset=offset, end=end):
            place = job_pb2.OutputPosition(attempt=attempt, offset=offset)
            output = worker_pb2.OutputText(text=text, next=place, end=end)
            return worker_pb2.Answer(output=output)
        case ask.Refused(reason=reason, message=message):
            return worker_pb2.Answer(refused=worker_pb2.Refused(reason=reason, message=message))


def _masked(asset: Asset, secrets: Mapping[str, Json]) -> tuple[str, ...]:
    """What its script may print of what it gets. A private key it will print as PEM."""
    if asset.kind is not AssetKind.CERTIFICATE:
        return texts(dict(secrets))
    bundle = secrets.get("bundle") if asset.values["exportable"] else None
    return () if bundle is None else (str(bundle), *private_key_texts(str(bundle)))


def _variable(asset: Asset, secrets: Mapping[str, Json]) -> worker_pb2.AssetValue:
    value = secrets["value"] if asset.encrypted else asset.values["value"]
    made = _asset(asset)
    made.value_json, made.encrypted = as_text(value), asset.encrypted
    return made


def _credential(asset: Asset, secrets: Mapping[str, Json]) -> worker_pb2.AssetValue:
    made = _asset(asset)
    made.user_name, made.password = str(asset.values["user_name"]), str(secrets["password"])
    return made


def _certificate(asset: Asset, secrets: Mapping[str, Json]) -> worker_pb2.AssetValue:
    values, made = asset.values, _asset(asset)
    made.thumbprint, made.subject = str(values["thumbprint"]), str(values["subject"])
    if (expires := timestamp(UnixMs(int(str(values["expires"]))))) is not None:
        made.expire_time.CopyFrom(expires)
    made.exportable = bool(values["exportable"])
    bundle = secrets.get("bundle") if made.exportable else None
    made.content = base64.b64decode(str(bundle or values["certificate"]))
    return made


def _connection(asset: Asset, secrets: Mapping[str, Json]) -> worker_pb2.AssetValue:
    fields, made = asset.values["fields"], _asset(asset)
    assert isinstance(fields, dict)
    made.connection_type = str(asset.values["connection_type"])
    made.fields_json = as_text({**fields, **secrets})
    return made


_ASSETS: dict[AssetKind, Callable[[Asset, Mapping[str, Json]], worker_pb2.AssetValue]] = {
    AssetKind.VARIABLE: _variable,
    AssetKind.CREDENTIAL: _credential,
    AssetKind.CERTIFICATE: _certificate,
    AssetKind.CONNECTION: _connection,
}


def _asset(asset: Asset) -> worker_pb2.AssetValue:
    return worker_pb2.AssetValue(kind=asset.kind.value, name=asset.name, version=asset.version)
