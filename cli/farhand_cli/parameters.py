"""A runbook's parameters as typed: `-p NAME=VALUE`, `-p NAME=@FILE`, `--params FILE`.

A value that parses as JSON is that value, anything else is text: `7` is a number, `007` is text,
`"7"` is text.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click


def parse(pairs: Iterable[str], document: str | None = None) -> dict[str, Any]:
    """Parameters in the order in which they were typed, those of the JSON object `document` first.
    Raises click.BadParameter."""
    parameters = {} if document is None else _object(document)
    typed: set[str] = set()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="-p")
        if name in typed:
            raise click.BadParameter(f"{name} is given twice", param_hint="-p")
        typed.add(name)
        parameters[name] = _value(name, _read(text[1:]) if text.startswith("@") else text)
    return parameters


def _value(name: str, text: str) -> Any:
    try:
        return _json(text)
    except _Inexact as error:
        raise click.BadParameter(f"{name}: {error}", param_hint="-p") from None
    except (ValueError, RecursionError):
        return text


def _object(document: str) -> dict[str, Any]:
    try:
        value = _json(document)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--params") from None
    if not isinstance(value, Mapping):
        raise click.BadParameter("must be one JSON object, name to value", param_hint="--params")
    return dict(value)


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
