"""What an expression says, if that is plain without running it."""

import math
import re
from collections.abc import Sequence

from farhand_server.declared.powershell.scanner import Group, Item, Token
from farhand_server.model.parameter import Json

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-f]{1,8}", re.ASCII | re.IGNORECASE)
_REAL = re.compile(r"[+-]?(?:\d+\.\d*|\.?\d+)(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_DIGITS = 30
_CONSTANTS: dict[str, Json] = {"true": True, "false": False, "null": None}


class Unknown(Exception):
    """Only PowerShell can say what this is."""


def value(items: Sequence[Item]) -> Json:
    """Raises Unknown."""
    items = [item for item in items if not is_break(item)]
    if len(parts := split(items, ",")) > 1:
        return [value(part) for part in parts if part]
    if len(items) != 1:
        raise Unknown
    item = items[0]
    if isinstance(item, Group):
        return _group(item)
    if item.kind == "text":
        return item.text
    if item.kind == "variable" and item.text.lower() in _CONSTANTS:
        return _CONSTANTS[item.text.lower()]
    if item.kind == "word":
        return _number(item.text)
    raise Unknown


def split(items: Sequence[Item], *kinds: str) -> list[list[Item]]:
    """At these tokens, which are left out."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.kind in kinds:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def is_break(item: Item) -> bool:
    return isinstance(item, Token) and item.kind == "break"


def _group(group: Group) -> Json:
    if group.opened == "(":
        return value(group.items)
    if group.opened == "@(":
        return _array(group.items)
    if group.opened == "@{":
        return dict(_entry(part) for part in split(group.items, "break") if part)
    raise Unknown


def _array(items: Sequence[Item]) -> Json:
    """Statements, whose values are put together."""
    found: list[Json] = []
    for statement in _statements(items):
        said = value(statement)
        found += said if isinstance(said, list) else [said]
    return found


def _statements(items: Sequence[Item]) -> list[list[Item]]:
    """A line that ends with a comma goes on."""
    statements: list[list[Item]] = [[]]
    for item in items:
        if is_break(item):
            last = statements[-1][-1:]
            if not (last and isinstance(last[0], Token) and last[0].kind == ","):
                statements.append([])
        else:
            statements[-1].append(item)
    return [statement for statement in statements if statement]


def _entry(part: Sequence[Item]) -> tuple[str, Json]:
    match part:
        case [Token(kind="word" | "text") as key, Token(kind="="), *rest] if rest:
            return key.text, value(rest)
    raise Unknown


def _number(text: str) -> Json:
    if len(text) > _DIGITS:
        raise Unknown
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        said = int(text, 16)
        # Eight digits are a signed number of 32 bits.
        return said - 2**32 if said >= 2**31 else said
    if _REAL.fullmatch(text):
        real = float(text)
        if math.isfinite(real):
            return real
    raise Unknown
