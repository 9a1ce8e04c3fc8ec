"""What is the same for every kind of asset: list, show, delete, and where secrets come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from farhand_cli import wire
from farhand_cli.api import pages
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.verb import answers, pass_session

F = TypeVar("F", bound=Callable[..., Any])


def add_verbs(noun: click.Group, view: View[Any], *, empty: str) -> None:
    """`empty`: what to do where a list has nothing to show."""
    kind = str(noun.name)
    method = kind.capitalize()

    @noun.command("list", help=f"{method}s, by name.")
    @answers
    @pass_session
    def list_(session: Session) -> None:
        request = getattr(wire.asset, f"List{method}sRequest")
        found = pages(
            lambda token: getattr(session.api.assets, f"List{method}s")(request(page_token=token))
        )
        every = (each for page in found for each in getattr(page, f"{kind}s"))
        session.show_all(view, every, empty=f"no {kind}s yet: {empty}")

    @noun.command("show", help=f"One {kind}; what is secret of it is shown to nobody.")
    @click.argument("name", metavar=kind.upper())
    @answers
    @pass_session
    def show(session: Session, name: str) -> None:
        request = getattr(wire.asset, f"Get{method}Request")(name=name)
        answer = getattr(session.api.assets, f"Get{method}")(request)
        session.show(view, getattr(answer, kind))

    @noun.command("delete", help=f"Delete a {kind}: no job can read it any more.")
    @click.argument("name", metavar=kind.upper())
    @answers
    @pass_session
    def delete(session: Session, name: str) -> None:
        request = getattr(wire.asset, f"Delete{method}Request")(name=name)
        getattr(session.api.assets, f"Delete{method}")(request)
        session.note(f"{kind} {name} is deleted")


def secret_options(what: str) -> Callable[[F], F]:
    """Adds --WHAT-stdin and --WHAT-file to a verb."""

    def add(function: F) -> F:
        function = click.option(
            f"--{what}-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Or from FILE.",
        )(function)
        return click.option(
            f"--{what}-stdin", is_flag=True, help=f"Read the {what} from standard input."
        )(function)

    return add
