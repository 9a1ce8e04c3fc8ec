"""Answers, as the caller wants them: tables for people, JSON, YAML and names for programs."""

import enum
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from farhand_cli.table import Column, Manner, card, table

M = TypeVar("M")


class Format(enum.StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    NAME = "name"


def fields(message: Any) -> dict[str, Any]:
    """protobuf's JSON mapping, as grpcurl prints it; fields without a value are there as well, so
    that a script finds them. Whole numbers in values that people chose are integers again."""
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = _whole(
        MessageToDict(message, always_print_fields_with_no_presence=True)
    )
    return found


def _whole(value: Any) -> Any:
    match value:
        case dict():
            return {name: _whole(each) for name, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
    return value


@dataclass(frozen=True, kw_only=True)
class View(Generic[M]):
    """How one kind of thing is shown."""

    #: Its id or name, for `-o name`.
    name: Callable[[M], str]
    columns: Sequence[Column[M]]
    #: What `show` says of one.
    card: Sequence[Column[M]]
    #: The same as JSON; the default suits messages.
    fields: Callable[[M], dict[str, Any]] = fields


def listed(view: View[M], things: Iterable[M], format_: Format, manner: Manner) -> Iterator[str]:
    """The lines of a list; of an empty one for people there are none."""
    match format_:
        case Format.TABLE:
            rows = list(things)
            yield from table(view.columns, rows, manner) if rows else ()
        case Format.NAME:
            yield from (view.name(each) for each in things)
        case Format.JSONL:
            yield from (document(view.fields(each), format_) for each in things)
        case _:
            yield document([view.fields(each) for each in things], format_)


def single(view: View[M], thing: M, format_: Format, manner: Manner) -> Iterator[str]:
    """The lines of one thing."""
    match format_:
        case Format.TABLE:
            yield from card(view.card, thing, manner)
        case Format.NAME:
            yield view.name(thing)
        case _:
            yield document(view.fields(thing), format_)


def document(value: object, format_: Format) -> str:
    """A value as JSON (on one line for jsonl) or YAML."""
    if format_ is Format.YAML:
        import yaml

        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")
    return json.dumps(value, indent=None if format_ is Format.JSONL else 2)
