"""Rules for fields: a rule gives the problem with a value, a check those of a message."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from farhand_server.errors import Violation

#: The problem with a value, as a sentence that follows the field's name; "" if there is none.
Rule = Callable[[Any], str]
#: The problems of a message, `at` being the path to it.
Check = Callable[[Message, str], Iterator[Violation]]


@dataclass(frozen=True, slots=True)
class On:
    """A rule for one field; with `each`, for every element of it."""

    field: str
    rule: Rule
    each: bool = False

    def __call__(self, message: Message, at: str) -> Iterator[Violation]:
        value = getattr(message, self.field)
        if not self.each:
            if problem := self.rule(value):
                yield Violation(field=at + self.field, problem=problem)
            return
        for index, element in enumerate(value):
            if problem := self.rule(element):
                yield Violation(field=f"{at}{self.field}[{index}]", problem=problem)


class Inside:
    """Checks for the message of a field."""

    def __init__(self, field: str, *checks: Check) -> None:
        self.field = field
        self._checks = checks

    def __call__(self, message: Message, at: str) -> Iterator[Violation]:
        for check in self._checks:
            yield from check(getattr(message, self.field), f"{at}{self.field}.")


class Masks:
    """Of an update_mask: what it may name, and what must be right then."""

    field = "update_mask"

    def __init__(self, *known: str, where: Mapping[str, Check] | None = None) -> None:
        self._known = known
        self._where = where or {}

    def __call__(self, message: Message, at: str) -> Iterator[Violation]:
        paths: Sequence[str] = message.update_mask.paths  # type: ignore[attr-defined]
        names = ", ".join(self._known)
        if not paths:
            yield Violation(field=at + "update_mask", problem=f"is required: of {names}")
        for index, path in enumerate(paths):
            if path not in self._known:
                problem = f'names "{path[:64]}"; it may name {names}'
                yield Violation(field=f"{at}update_mask.paths[{index}]", problem=problem)
            elif path in self._where:
                yield from self._where[path](message, at)


def matches(pattern: str, words: str) -> Rule:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: "" if compiled.fullmatch(value) else words


def required(rule: Rule, words: str = "is required") -> Rule:
    return lambda value: rule(value) if value else words


def optional(rule: Rule) -> Rule:
    return lambda value: rule(value) if value else ""


def between(low: int, high: int) -> Rule:
    return lambda value: "" if low <= value <= high else f"is {value}; it may be {low} to {high:,}"


def at_least(low: int) -> Rule:
    return lambda value: "" if value >= low else f"is {value}; it may not be less than {low}"


def characters(most: int) -> Rule:
    return lambda value: "" if len(value) <= most else f"has {len(value):,} characters of {most:,}"


def size(most: int) -> Rule:
    return lambda value: "" if len(value) <= most else f"has {len(value):,} bytes of {most:,}"


def exactly(count: int) -> Rule:
    return lambda value: "" if len(value) == count else f"has {len(value)} bytes instead of {count}"


def at_most(count: int) -> Rule:
    return lambda value: "" if len(value) <= count else f"has {len(value):,} entries of {count:,}"


def one_of(enum: Any, words: str) -> Rule:
    known = frozenset(enum.values()) - {0}
    return lambda value: "" if value in known else words
