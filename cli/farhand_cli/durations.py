"""Durations, as people type them."""

import re
from typing import TYPE_CHECKING

import click

from farhand_cli import words

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def seconds(text: str) -> int:
    """90s, 15m, 1h, 7d; a bare number is seconds. Raises click.BadParameter."""
    match = re.fullmatch(r"([1-9]\d{0,8})([smhd]?)", text)
    if not match:
        raise click.BadParameter(f"{text!r} is not a duration such as 90s, 15m, 1h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


def seconds_or_none(text: str) -> int:
    """As `seconds`; 0 and "none" are 0: the setting is taken back. Raises click.BadParameter."""
    return 0 if text in ("0", "0s", "none") else seconds(text)


def shown(span: "Duration") -> str:
    """For people; empty if there is none."""
    return words.span(span.seconds) if span.seconds else ""
