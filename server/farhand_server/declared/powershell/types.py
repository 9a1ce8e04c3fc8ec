"""PowerShell's types: what a value of one is in JSON, and what its attributes ask of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from farhand_server.declared.powershell.literals import Unknown
from farhand_server.model.parameter import Json, ParameterType

_NAME = 200
_ARRAY = re.compile(r"(.+)\[\]")
_LIST = re.compile(r"(?:(?:system\.)?collections\.generic\.)?(?:i?list|ienumerable)\[(.+)\]")
_INTEGERS = {
    **dict.fromkeys(("int", "int32"), (-(2**31), 2**31 - 1)),
    **dict.fromkeys(("long", "int64"), (-(2**63), 2**63 - 1)),
    **dict.fromkeys(("short", "int16"), (-(2**15), 2**15 - 1)),
    **dict.fromkeys(("uint", "uint32"), (0, 2**32 - 1)),
    **dict.fromkeys(("ulong", "uint64"), (0, 2**64 - 1)),
    **dict.fromkeys(("ushort", "uint16"), (0, 2**16 - 1)),
    **dict.fromkeys(("byte",), (0, 2**8 - 1)),
    **dict.fromkeys(("sbyte",), (-(2**7), 2**7 - 1)),
}
_NUMBERS = {"double", "float", "single", "decimal"}
_BOOLEANS = {
    "bool",
    "boolean",
    "switch",
    "switchparameter",
    "management.automation.switchparameter",
}
_ARRAYS = {"array", "collections.ilist", "collections.arraylist"}
_TABLES = {"hashtable", "ordered", "idictionary"} | {
    f"collections.{name}" for name in ("hashtable", "idictionary", "specialized.ordereddictionary")
}
#: Anything may become one.
_ANYTHING = {"object", "psobject", "pscustomobject", "management.automation.psobject"}
_SECRETS = {"securestring", "security.securestring"}
CREDENTIALS = {"pscredential", "management.automation.pscredential"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Of a parameter."""

    type: ParameterType
    schema: Mapping[str, Json]
    secret: bool = False


def kind_of(name: str) -> Kind:
    """By the name between the brackets; empty if it has no type. One that is not known here takes
    what PowerShell will convert."""
    name = "".join(name[:_NAME].split()).lower().removeprefix("system.")
    if element := _ARRAY.fullmatch(name) or _LIST.fullmatch(name):
        items = dict(kind_of(element[1]).schema)
        schema: dict[str, Json] = {"type": "array"}
        return Kind(type=ParameterType.ARRAY, schema=schema | ({"items": items} if items else {}))
    if name in _INTEGERS:
        least, most = _INTEGERS[name]
        bounds: dict[str, Json] = {"type": "integer", "minimum": least, "maximum": most}
        return Kind(type=ParameterType.INTEGER, schema=bounds)
    for names, type_ in (
        (_NUMBERS, ParameterType.NUMBER),
        (_BOOLEANS, ParameterType.BOOLEAN),
        (_ARRAYS, ParameterType.ARRAY),
        (_TABLES, ParameterType.OBJECT),
    ):
        if name in names:
            return Kind(type=type_, schema={"type": type_.value})
    if name == "datetime":
        return Kind(type=ParameterType.DATETIME, schema={"type": "string"})
    if name in _ANYTHING:
        return Kind(type=ParameterType.OBJECT, schema={})
    text = name == "string" or name in _SECRETS or name in CREDENTIALS
    return Kind(
        type=ParameterType.STRING,
        schema={"type": "string"} if text else {},
        secret=name in _SECRETS,
    )


def default_of(kind: Kind, said: Json) -> Json:
    """A default as PowerShell would convert it. Raises Unknown."""
    if kind.type is ParameterType.STRING and type(said) is int and kind.schema:
        return str(said)
    if kind.type is ParameterType.ARRAY and not isinstance(said, list):
        said = [said]
    if kind.type is ParameterType.DATETIME and not _is_moment(said):
        raise Unknown
    if said is None or (kind.schema and not _fits(kind.type, said)):
        raise Unknown
    return said


def _fits(type_: ParameterType, said: Json) -> bool:
    if isinstance(said, bool):
        return type_ is ParameterType.BOOLEAN
    return isinstance(
        said,
        {
            ParameterType.STRING: str,
            ParameterType.INTEGER: int,
            ParameterType.NUMBER: int | float,
            ParameterType.BOOLEAN: bool,
            ParameterType.DATETIME: str,
            ParameterType.ARRAY: list,
            ParameterType.OBJECT: dict,
        }[type_],
    )


def _is_moment(said: Json) -> bool:
    try:
        datetime.fromisoformat(str(said))
    except ValueError:
        return False
    return True
