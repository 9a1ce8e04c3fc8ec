"""What every verb takes: `-o` and `-q` are understood before the noun and after the verb."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from farhand_cli.session import Session
from farhand_cli.show import Format

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = click.Choice([format_.value for format_ in Format])
pass_session = click.make_pass_decorator(Session)


def answers(function: F) -> F:
    """Adds `-o` and `-q` to a verb."""
    function = click.option(
        "-o",
        "--output",
        type=FORMATS,
        expose_value=False,
        callback=_set_format,
        help="How to answer.",
    )(function)
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_set_quiet,
        help="No remarks on standard error.",
    )(function)


def _set_format(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value and (session := context.find_object(Session)):
        session.format = Format(value)


def _set_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and (session := context.find_object(Session)):
        session.quiet = True
