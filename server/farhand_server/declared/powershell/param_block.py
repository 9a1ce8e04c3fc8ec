"""The `param()` block of a script as parameters, in its order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jsonschema import Draft202012Validator

from farhand_server.declared.powershell.literals import Unknown, is_break, split, value
from farhand_server.declared.powershell.scanner import Group, Item, Scanner, Token, Unreadable
from farhand_server.declared.powershell.types import CREDENTIALS, Kind, default_of, kind_of
from farhand_server.model.parameter import Json, Parameter, ParameterType

_TOPIC = re.compile(r"\s*\.([A-Z]+)(?:\s+(\w+))?\s*", re.IGNORECASE)
_ALL_SETS = "__allparametersets"
#: Of a description that a script gives in its help.
_SHOWN = 1000


@dataclass(slots=True, kw_only=True)
class _Said:
    """What stands before the name of a parameter."""

    type: str = ""
    required: bool = False
    description: str = ""
    #: As JSON Schema; of a list, of its elements.
    limits: dict[str, Json] = field(default_factory=dict)


def parameters(script: str) -> tuple[Parameter, ...]:
    """Empty if the script has no such block, or one that cannot be read."""
    scanner = Scanner(script)
    try:
        block = _block(scanner.items())
    except Unreadable:
        return ()
    if block is None:
        return ()
    help_ = {name: " ".join(words)[:_SHOWN] for name, words in _help(scanner.comments).items()}
    try:
        parts = [part for part in split(_lines_joined(block.items), ",") if part]
        return tuple(_parameter(part, help_) for part in parts)
    except Unreadable:
        return ()


def _block(items: Iterator[Item]) -> Group | None:
    """Before it may stand `using` lines and attributes only."""
    for item in items:
        match item:
            case Token(kind="break") | Group(opened="["):
                continue
            case Token(kind="word", text=text) if text.lower() == "using":
                while not is_break(next(items, Token(kind="break", text=""))):
                    pass
            case Token(kind="word", text=text) if text.lower() == "param":
                found = next((each for each in items if not is_break(each)), None)
                return found if isinstance(found, Group) and found.opened == "(" else None
            case _:
                return None
    return None


def _help(comments: Sequence[str]) -> dict[str, list[str]]:
    """The words below `.PARAMETER name`, by name in small letters."""
    found: dict[str, list[str]] = {}
    for comment in comments:
        name = ""
        for line in comment.splitlines():
            if topic := _TOPIC.fullmatch(line):
                about = topic[1].lower() == "parameter" and topic[2]
                name = topic[2].lower() if about else ""
            elif name:
                found.setdefault(name, []).extend(line.split())
    return found


def _lines_joined(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if not is_break(item)]


def _parameter(part: Sequence[Item], help_: dict[str, str]) -> Parameter:
    """`[attribute(…)] [type] $name = default`."""
    said = _Said()
    at = 0
    while at < len(part) and isinstance(item := part[at], Group) and item.opened == "[":
        _hear(item, said)
        at += 1
    match part[at:]:
        case [Token(kind="variable", text=name)]:
            default: Sequence[Item] = ()
        case [Token(kind="variable", text=name), Token(kind="="), *default]:
            pass
        case _:
            raise Unreadable("a parameter is $name, or $name = default")
    kind = _limited(kind_of(said.type), said)
    known, default_value = _default(default, kind)
    known = known and not said.required and not kind.secret
    description = said.description or help_.get(name.lower(), "")
    if not description and said.type.lower().removeprefix("system.") in CREDENTIALS:
        description = "name of a credential"
    return Parameter(
        name=name,
        type=kind.type,
        description=description,
        required=said.required,
        secret=kind.secret,
        has_default=known,
        default=default_value if known else None,
        schema=kind.schema,
    )


def _hear(group: Group, said: _Said) -> None:
    """One `[…]`: an attribute has arguments, a type has none."""
    items = _lines_joined(group.items)
    match items:
        case [Token(kind="word", text=name), Group(opened="(", items=arguments)]:
            _hear_attribute(name.lower().removesuffix("attribute"), _lines_joined(arguments), said)
        case _:
            said.type = group.source


def _hear_attribute(name: str, arguments: Sequence[Item], said: _Said) -> None:
    name = name.removeprefix("system.management.automation.")
    named, unnamed = _arguments(arguments)
    if name == "parameter":
        in_all = str(named.get("parametersetname", _ALL_SETS)).lower() == _ALL_SETS
        said.required = said.required or (in_all and named.get("mandatory") is True)
        said.description = said.description or str(named.get("helpmessage", ""))
    elif name == "validateset" and unnamed and all(isinstance(each, str) for each in unnamed):
        said.limits["enum"] = list(unnamed)
    elif name == "validaterange" and len(unnamed) == 2 and all(map(_is_number, unnamed)):
        said.limits |= {"minimum": unnamed[0], "maximum": unnamed[1]}
    elif name == "validatelength" and len(unnamed) == 2 and all(map(_is_count, unnamed)):
        said.limits |= {"minLength": unnamed[0], "maxLength": unnamed[1]}


def _arguments(items: Sequence[Item]) -> tuple[dict[str, Json], list[Json]]:
    """By name, in small letters, and the others. What is not plain is left out."""
    named: dict[str, Json] = {}
    unnamed: list[Json] = []
    for part in split(items, ","):
        try:
            match part:
                case [Token(kind="word", text=name), Token(kind="="), *rest]:
                    named[name.lower()] = value(rest)
                case [Token(kind="word", text=name)] if name.isalpha():
                    named[name.lower()] = True
                case _:
                    unnamed.append(value(part))
        except Unknown:
            unnamed.append(None)
    return named, unnamed


def _limited(kind: Kind, said: _Said) -> Kind:
    """With what its attributes ask for; of a list, of each element."""
    if not said.limits or not kind.schema:
        return kind
    schema = dict(kind.schema)
    if kind.type is ParameterType.ARRAY:
        items = schema.get("items")
        schema["items"] = {**(items if isinstance(items, dict) else {}), **said.limits}
    else:
        schema |= said.limits
    return Kind(type=kind.type, schema=schema, secret=kind.secret)


def _default(items: Sequence[Item], kind: Kind) -> tuple[bool, Json]:
    """Whether one is known, and it. One that would be refused if somebody gave it is none: it is
    PowerShell's alone."""
    if not items:
        return False, None
    try:
        found = default_of(kind, value(items))
    except Unknown:
        return False, None
    return Draft202012Validator(kind.schema).is_valid(found), found


def _is_number(said: Json) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool)


def _is_count(said: Json) -> bool:
    return type(said) is int and said >= 0
