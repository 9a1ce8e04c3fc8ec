"""What a script declares: each parameter with its type, and everything that is wrong with them."""

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from farhand_server.declared import block
from farhand_server.declared.powershell import param_block
from farhand_server.errors import InvalidRequest, Violation
from farhand_server.model.parameter import Parameter, ParameterType
from farhand_server.model.runbook import RunbookType
from farhand_wire import limits

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
#: Ours; the rest is JSON Schema.
_OWN = ("type", "description", "required", "secret", "default")
#: Of JSON Schema: what looks at one value, without references to elsewhere and without patterns
#: that could take for ever.
_SCHEMA = frozenset(
    {
        *("enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "items", "minItems", "maxItems"),
        *("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
        *("type", "description"),
    }
)
_TYPES = {kind.value: kind for kind in ParameterType}
_DEPTH = 8


def declared(script: bytes, type_: RunbookType) -> tuple[Parameter, ...]:
    """The parameters of a script, in the order in which they stand there. Raises InvalidRequest,
    with all that is wrong."""
    if type_ is RunbookType.POWERSHELL:
        return param_block.parameters(_as_powershell_reads(script))
    try:
        found = block.find(script.decode(errors="replace"))
    except block.NoBlock as error:
        raise _refused([("", str(error))]) from None
    if found is None:
        return ()
    try:
        document = tomllib.loads(found.toml)
    except tomllib.TOMLDecodeError as error:
        raise _refused([("", _place(str(error), found.line))]) from None
    if problems := list(_problems(document)):
        raise _refused(problems)
    return tuple(_parameter(name, said) for name, said in document.get("parameters", {}).items())


def _as_powershell_reads(script: bytes) -> str:
    """In the encoding that its first bytes name; without them it is UTF-8."""
    marked = script.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return script.decode("utf-16" if marked else "utf-8-sig", errors="replace")


def _refused(problems: Sequence[tuple[str, str]]) -> InvalidRequest:
    return InvalidRequest(
        [Violation(field=f"content: {at}".rstrip(": "), problem=text) for at, text in problems]
    )


def _place(error: str, first: int) -> str:
    """The line of the script instead of that of the block."""
    return re.sub(r"at line (\d+)", lambda m: f"at line {first + int(m[1]) - 1}", error)


def _problems(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in document:
        if key != "parameters":
            yield key, 'is not known here: only "parameters" is'
    parameters = document.get("parameters", {})
    if not isinstance(parameters, dict):
        yield "parameters", "is no table: [parameters.NAME]"
        return
    if len(parameters) > limits.PARAMETERS:
        yield "parameters", f"are {len(parameters)}; a runbook may have {limits.PARAMETERS}"
    for name, said in parameters.items():
        yield from _of_one(name, said)


def _of_one(name: str, said: Any) -> Iterator[tuple[str, str]]:
    at = f"parameters.{name}"
    if not _NAME.fullmatch(name) or len(name) > limits.NAME_CHARACTERS:
        yield at, "is no name: a letter, then letters, digits and underscores"
    if not isinstance(said, dict):
        yield at, f"is no table: [{at}]"
        return
    kind = said.get("type", "string")
    if kind not in _TYPES:
        yield f"{at}.type", f"is {kind!r}; it may be {', '.join(_TYPES)}"
        return
    for key in ("required", "secret"):
        if not isinstance(said.get(key, False), bool):
            yield f"{at}.{key}", "is true or false"
    if not isinstance(said.get("description", ""), str):
        yield f"{at}.description", "is no text"
    if said.get("secret") is True and "default" in said:
        yield f"{at}.default", "of a secret would be no secret: everybody can read the script"
    yield from _of_schema(at, said)


def _of_schema(at: str, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own = {key: value for key, value in said.items() if key not in _OWN}
    unknown = list(_unknown(own, at, _DEPTH))
    if unknown:
        yield from unknown
        return
    schema = _schema(said)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield ".".join((at, *map(str, error.absolute_path))), error.message
        return
    if "default" in said:
        default = _json(said["default"])
        for wrong in Draft202012Validator(schema).iter_errors(default):
            yield f"{at}.default", wrong.message


def _unknown(schema: Mapping[str, Any], at: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth == 0:
        yield at, f"is deeper than {_DEPTH} levels"
        return
    for key, value in schema.items():
        if key not in _SCHEMA:
            yield f"{at}.{key}", f"is not known; there are {', '.join(sorted(_SCHEMA))}"
        elif key == "items" and isinstance(value, dict):
            yield from _unknown(value, f"{at}.{key}", depth - 1)
        elif key == "properties" and isinstance(value, dict):
            for name, each in value.items():
                if isinstance(each, dict):
                    yield from _unknown(each, f"{at}.{key}.{name}", depth - 1)


def _schema(said: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON Schema has it; a moment is text there."""
    kind = _TYPES[said.get("type", "string")]
    named = "string" if kind is ParameterType.DATETIME else kind.value
    own = {key: _json(value) for key, value in said.items() if key not in _OWN}
    return {"type": named, **own}


def _json(value: Any) -> Any:
    """TOML has moments of its own."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return value


def _parameter(name: str, said: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=name,
        type=_TYPES[said.get("type", "string")],
        description=said.get("description", ""),
        required=said.get("required", False),
        secret=said.get("secret", False),
        has_default="default" in said,
        default=_json(said.get("default")),
        schema=_schema(said),
    )
