"""A parameter that a runbook declares."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class ParameterType(enum.Enum):
    """Azure's types, in the words of JSON Schema where it has one."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    #: Text in the form of RFC 3339.
    DATETIME = "datetime"
    ARRAY = "array"
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One of them; their order is that of positional arguments."""

    name: str
    type: ParameterType
    description: str = ""
    required: bool = False
    #: Never stored or shown in clear.
    secret: bool = False
    has_default: bool = False
    default: Json = None
    #: What a value must be, as JSON Schema.
    schema: Mapping[str, Json] = field(default_factory=dict)
