"""Parameters: a Struct on the wire, JSON in the model, positional text for scripts."""

import json
import re
from collections.abc import Mapping, Sequence

from google.protobuf import json_format
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from farhand_server.declared.values import argument, as_text
from farhand_server.model.parameter import Json
from farhand_server.rpc.convert.bounds import beyond
from farhand_wire import limits

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def problem(struct: Struct) -> str:
    """What keeps these parameters from being given to a script; "" if nothing does."""
    return wrong(plain(struct))


def problem_of_text(text: str) -> str:
    """The same, of a JSON object."""
    try:
        given = json.loads(text or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        return "is not JSON"
    return wrong(given) if isinstance(given, dict) else "is not a JSON object"


def problem_of_value(text: str) -> str:
    """What keeps a JSON text from being the value of a variable."""
    if len(text) > limits.VARIABLE_CHARACTERS:
        return f"has {len(text):,} characters as JSON of {limits.VARIABLE_CHARACTERS:,}"
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return "is not JSON"
    return beyond(value)


def wrong(given: Mapping[str, Json]) -> str:
    """What keeps these values from being given to a script; "" if nothing does."""
    count = len(given)
    if count > limits.PARAMETERS:
        return f"are {count:,}; a job may have {limits.PARAMETERS}"
    if bad := [name for name in given if not _is_name(name)]:
        return (
            f'have the name "{bad[0][: limits.NAME_CHARACTERS]}": a name is a letter, then '
            f"letters, digits and underscores, {limits.NAME_CHARACTERS} at most"
        )
    if bad_value := beyond(dict(given)):
        return f"hold a value that {bad_value}"
    try:
        written = as_text(dict(given))
    except ValueError as error:
        return f"cannot be written as JSON: {error}"
    if "\\u0000" in written and any("\0" in text for text in arguments(given, ())):
        return "hold a NUL character, which no process can be given"
    size = len(written.encode())
    if size > limits.PARAMETERS_BYTES:
        return f"have {size:,} bytes as JSON; {limits.PARAMETERS_BYTES // 1024} KiB at most"
    return ""


def plain(struct: Struct) -> dict[str, Json]:
    """The values, by name: the same parameters are always the same text. A Struct has only
    floats: whole ones are integers again."""
    return {name: _plain(value) for name, value in sorted(struct.fields.items())}


def arguments(values: Mapping[str, Json], order: Sequence[str]) -> tuple[str, ...]:
    """Values in positional order: those of `order`, then the others by name. Strings as they are,
    everything else as JSON."""
    names = [*order, *(name for name in sorted(values) if name not in order)]
    return tuple(argument(values[name]) for name in names)


def struct(kept: str) -> Struct:
    """The parameters of a job, for its readers."""
    made = Struct()
    if kept != "{}":
        json_format.Parse(kept, made)
    return made


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no number of JSON")


def _is_name(name: str) -> bool:
    return len(name) <= limits.NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def _plain(value: Value) -> Json:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "struct_value":
            return plain(value.struct_value)
        case "list_value":
            return _list(value.list_value)
    return None


def _list(values: ListValue) -> list[Json]:
    return [_plain(value) for value in values.values]
