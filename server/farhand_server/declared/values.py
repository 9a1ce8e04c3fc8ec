"""Values for declared parameters: what is wrong with them, and what a script gets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from jsonschema import Draft202012Validator

from farhand_server.errors import Violation
from farhand_server.model.parameter import Json, Parameter, ParameterType

#: Of a value that is shown in a refusal.
_SHOWN = 200


def problems(parameters: Sequence[Parameter], given: Mapping[str, Json]) -> list[Violation]:
    """Everything that is wrong with what was given, in their order."""
    known = {parameter.name for parameter in parameters}
    found = [
        Violation(field=f"parameters.{name}", problem=f"is not declared; {_names(parameters)}")
        for name in given
        if name not in known
    ]
    for parameter in parameters:
        field = f"parameters.{parameter.name}"
        if parameter.name not in given:
            if parameter.required and not parameter.has_default:
                found.append(Violation(field=field, problem=f"is required: {_asked(parameter)}"))
            continue
        found += [
            Violation(field=field, problem=text)
            for text in _wrong(parameter, given[parameter.name])
        ]
    return found


def completed(parameters: Sequence[Parameter], given: Mapping[str, Json]) -> dict[str, Json]:
    """With the defaults of those that were not given, in their order."""
    values: dict[str, Json] = {}
    for parameter in parameters:
        if parameter.name in given:
            values[parameter.name] = given[parameter.name]
        elif parameter.has_default:
            values[parameter.name] = parameter.default
    return values


def positional(parameters: Sequence[Parameter], complete: Mapping[str, Json]) -> tuple[str, ...]:
    """As text, as far as there is a value: what was left out in between is empty."""
    last = max((n for n, p in enumerate(parameters) if p.name in complete), default=-1)
    return tuple(
        argument(complete[parameter.name]) if parameter.name in complete else ""
        for parameter in parameters[: last + 1]
    )


def argument(value: Json) -> str:
    """Text as it is, everything else as JSON."""
    return value if isinstance(value, str) else as_text(value)


def as_text(value: Json) -> str:
    """Compact JSON. Raises ValueError for what JSON cannot say (NaN, infinity)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def texts(secret: Json) -> tuple[str, ...]:
    """Every text in a secret, and every number as it is written: what a script may print of it."""
    return tuple(dict.fromkeys(_texts(secret)))


def _texts(secret: Json) -> Iterator[str]:
    match secret:
        case dict():
            for value in secret.values():
                yield from _texts(value)
        case list():
            for value in secret:
                yield from _texts(value)
        case str():
            yield secret
        case bool() | None:
            return
        case _:
            yield as_text(secret)


def _wrong(parameter: Parameter, value: Json) -> Iterator[str]:
    for error in Draft202012Validator(parameter.schema).iter_errors(value):
        # The message of a library quotes the value.
        asked = f"is not what is asked for: {_asked(parameter)}"
        yield asked if parameter.secret else error.message[:_SHOWN]
        return
    if parameter.type is ParameterType.DATETIME and not _is_moment(value):
        yield f"is not {_asked(parameter)}"


def _is_moment(value: Json) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _asked(parameter: Parameter) -> str:
    what = {
        ParameterType.DATETIME: "a time as in 2026-11-25T19:00:00Z",
        ParameterType.ARRAY: "an array",
        ParameterType.OBJECT: "an object",
        ParameterType.INTEGER: "an integer",
    }.get(parameter.type, f"a {parameter.type.value}")
    return f"{what} ({parameter.description})" if parameter.description else what


def _names(parameters: Sequence[Parameter]) -> str:
    names = ", ".join(parameter.name for parameter in parameters)
    return f"declared are {names}" if names else "this runbook takes none"
