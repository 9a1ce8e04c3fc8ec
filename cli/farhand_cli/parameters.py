"""A runbook's parameters as typed: `-p NAME=VALUE`, `-p NAME=@FILE`, `--params FILE`.

A value is JSON if it parses as JSON of the type that the runbook declares, else text: `7` is text
where text is declared. Where nothing is declared, `7` is a number, `007` is text, `"7"` is text.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

#: What JSON gives for each type; a moment is text.
_KINDS: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "DATETIME": (str,),
    "INTEGER": (int,),
    "NUMBER": (int, float),
    "BOOLEAN": (bool,),
    "ARRAY": (list,),
    "OBJECT": (dict,),
}


def parse(
    pairs: Iterable[str], document: str | None = None, *, types: Callable[[], Mapping[str, str]]
) -> dict[str, Any]:
    """Parameters in the order in which they were typed, those of the JSON object `document` first.
    `types` gives what is declared, by name, as _KINDS has it; it is asked if there are pairs, when
    they are well formed. Raises click.BadParameter."""
    parameters = {} if document is None else as_object(document, option="--params")
    if typed := _typed(pairs):
        declared = types()
        # PowerShell does not tell capitals from small letters; the server says who does.
        folded = {name.lower(): type_ for name, type_ in declared.items()}
        for name, text in typed.items():
            type_ = declared.get(name) or folded.get(name.lower(), "")
            parameters[name] = _value(name, text, type_)
    return parameters


def _typed(pairs: Iterable[str]) -> dict[str, str]:
    """What was typed for each name; what stands in a file is read."""
    typed: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="-p")
        if name in typed:
            raise click.BadParameter(f"{name} is given twice", param_hint="-p")
        typed[name] = _read(text[1:]) if text.startswith("@") else text
    return typed


def value(name: str, text: str) -> Any:
    """One value of which no type is declared. Raises click.BadParameter."""
    return _value(name, text, "")


def _value(name: str, text: str, type_: str) -> Any:
    try:
        # What begins like a number that does not fit may be text all the same.
        if not _is(json.loads(text, parse_constant=_constant), type_):
            return text
    except (ValueError, RecursionError):
        return text
    try:
        return _json(text)
    except _Inexact as error:
        raise click.BadParameter(f"{name}: {error}", param_hint="-p") from None


def _is(value: Any, type_: str) -> bool:
    kinds = _KINDS.get(type_)
    if kinds is None:
        return True
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def as_object(document: str, *, option: str) -> dict[str, Any]:
    """A JSON object. Raises click.BadParameter."""
    try:
        found = _json(document)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=option) from None
    if not isinstance(found, Mapping):
        raise click.BadParameter("must be one JSON object, name to value", param_hint=option)
    return dict(found)


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="-p") from None
    except UnicodeDecodeError:
        raise click.BadParameter(f"{path} is not UTF-8 text", param_hint="-p") from None


class _Inexact(ValueError):
    """A number that would arrive as another one."""


def _json(text: str) -> Any:
    return json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _integer(text: str) -> int:
    """Numbers travel as doubles; one that would change on the way is refused."""
    value = int(text)
    if abs(value) > 1 << 53 and (abs(value) >= 1 << 1023 or int(float(value)) != value):
        raise _Inexact(f'{text} does not fit into a number; send it as text: "{text}"')
    return value


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _Inexact(f'{text} does not fit into a number; send it as text: "{text}"')
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")  # json takes NaN and Infinity unless told otherwise
