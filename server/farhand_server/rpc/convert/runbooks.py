"""Runbooks."""

from google.protobuf import json_format

from farhand_server.declared.values import as_text
from farhand_server.model.parameter import Parameter, ParameterType
from farhand_server.model.runbook import Runbook, RunbookState, RunbookType, RunbookVersion
from farhand_server.rpc.convert import delivery
from farhand_server.rpc.convert.moments import duration, timestamp
from farhand_wire.v1 import runbook_pb2

_TYPES: dict[RunbookType, runbook_pb2.RunbookType] = {
    RunbookType.BASH: runbook_pb2.RUNBOOK_TYPE_BASH,
    RunbookType.PYTHON: runbook_pb2.RUNBOOK_TYPE_PYTHON,
    RunbookType.POWERSHELL: runbook_pb2.RUNBOOK_TYPE_POWERSHELL,
}
_MODEL_TYPES = {wire: type_ for type_, wire in _TYPES.items()}
_STATES: dict[RunbookState, runbook_pb2.RunbookState] = {
    RunbookState.NEW: runbook_pb2.RUNBOOK_STATE_NEW,
    RunbookState.PUBLISHED: runbook_pb2.RUNBOOK_STATE_PUBLISHED,
    RunbookState.EDIT: runbook_pb2.RUNBOOK_STATE_EDIT,
}


_PARAMETERS: dict[ParameterType, runbook_pb2.ParameterType] = {
    ParameterType.STRING: runbook_pb2.PARAMETER_TYPE_STRING,
    ParameterType.INTEGER: runbook_pb2.PARAMETER_TYPE_INTEGER,
    ParameterType.NUMBER: runbook_pb2.PARAMETER_TYPE_NUMBER,
    ParameterType.BOOLEAN: runbook_pb2.PARAMETER_TYPE_BOOLEAN,
    ParameterType.DATETIME: runbook_pb2.PARAMETER_TYPE_DATETIME,
    ParameterType.ARRAY: runbook_pb2.PARAMETER_TYPE_ARRAY,
    ParameterType.OBJECT: runbook_pb2.PARAMETER_TYPE_OBJECT,
}


def wire_type(type_: RunbookType) -> runbook_pb2.RunbookType:
    return _TYPES[type_]


def model_type(type_: runbook_pb2.RunbookType) -> RunbookType:
    """Raises KeyError for a type of a later version."""
    return _MODEL_TYPES[type_]


def known_types(types: "list[runbook_pb2.RunbookType]") -> tuple[RunbookType, ...]:
    """Those that this server knows: a newer worker may have more."""
    return tuple(_MODEL_TYPES[type_] for type_ in types if type_ in _MODEL_TYPES)


def wire(runbook: Runbook) -> runbook_pb2.Runbook:
    return runbook_pb2.Runbook(
        name=runbook.name,
        type=_TYPES[runbook.type],
        state=_STATES[runbook.state],
        description=runbook.description,
        published_version=runbook.published_version,
        draft_digest=runbook.draft_digest,
        published_digest=runbook.published_digest,
        create_time=timestamp(runbook.created),
        modify_time=timestamp(runbook.modified),
        delivery=delivery.wire(runbook.delivery),
        timeout=duration(runbook.timeout),
        lost_after=duration(runbook.lost_after),
        tags=runbook.tags,
        publish_time=timestamp(runbook.published),
        published_by=runbook.published_by,
        log_verbose=runbook.log_verbose,
        log_progress=runbook.log_progress,
        grants=_grants(runbook),
    )


def _grants(runbook: Runbook) -> runbook_pb2.RunbookGrants | None:
    if runbook.grants is None:
        return None
    return runbook_pb2.RunbookGrants(grants=runbook.grants)


def wire_parameter(parameter: Parameter) -> runbook_pb2.RunbookParameter:
    made = runbook_pb2.RunbookParameter(
        name=parameter.name,
        type=_PARAMETERS[parameter.type],
        description=parameter.description,
        required=parameter.required,
        secret=parameter.secret,
    )
    made.schema.update(parameter.schema)
    if parameter.has_default:
        json_format.Parse(as_text(parameter.default), made.default)
    return made


def wire_version(version: RunbookVersion) -> runbook_pb2.RunbookVersion:
    return runbook_pb2.RunbookVersion(
        version=version.version,
        digest=version.digest,
        size=version.size,
        publish_time=timestamp(version.published),
        published_by=version.published_by,
    )
