"""farhand context: the servers that this machine knows."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from farhand_cli import contexts as file
from farhand_cli.contexts import Context
from farhand_cli.failure import Failure
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.table import Column
from farhand_cli.target import endpoint
from farhand_cli.verb import answers, pass_session


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A context with its name."""

    name: str
    context: Context
    current: bool

    def fields(self) -> dict[str, object]:
        """Everything but the token."""
        return {
            "name": self.name,
            "server": self.context.server,
            "ca": self.context.ca,
            "current": self.current,
            "hasToken": bool(self.context.token),
        }


_COLUMNS: tuple[Column[Known], ...] = (
    Column("NAME", lambda known, _: known.name),
    Column("SERVER", lambda known, _: known.context.server),
    Column("CA", lambda known, _: known.context.ca),
    Column("TOKEN", lambda known, _: "yes" if known.context.token else "no"),
)
VIEW: View[Known] = View(
    name=lambda known: known.name,
    columns=(Column("", lambda known, _: "*" if known.current else " "), *_COLUMNS),
    card=_COLUMNS,
    fields=Known.fields,
)


@click.group
def context() -> None:
    """Servers that this machine knows."""


@context.command("list")
@answers
@pass_session
def list_(session: Session) -> None:
    """The contexts; * marks the current one."""
    session.show_all(
        VIEW,
        [_known(session, name) for name in sorted(session.contexts.named)],
        empty="no contexts yet: farhand context add NAME --server HOST:PORT --ca ca.pem",
    )


@context.command("show")
@click.argument("name", required=False)
@answers
@pass_session
def show(session: Session, name: str | None) -> None:
    """One context, the current one if none is named; never its token."""
    chosen = name or session.choice.context or session.contexts.current
    if not chosen:
        raise Failure(
            "no context is current",
            do=["farhand context use NAME", "farhand context list"],
            code="no_current_context",
        )
    session.show(VIEW, _known(session, chosen))


@context.command("add")
@click.argument("name")
@click.option("--server", required=True, metavar="HOST:PORT", help="Control plane.")
@click.option("--ca", type=click.Path(path_type=Path), metavar="FILE", help="Its CA, PEM.")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@answers
@pass_session
def add(session: Session, name: str, server: str, ca: Path | None, token_stdin: bool) -> None:
    """Add a context or replace one; the first one becomes current.

    The token is asked for, or read with --token-stdin; it is never an argument.
    """
    if ca is not None and not ca.is_file():
        raise Failure(f"the CA file {ca} does not exist", do=["--ca FILE, PEM"], code="no_ca")
    token = _token(token_stdin)
    made = Context(server=endpoint(server), ca=str(ca.resolve()) if ca else "", token=token)
    changed = session.contexts.with_context(name, made)
    file.save(session.contexts_path, changed)
    session.note(f'context "{name}" is in {file.shown(session.contexts_path)}. Try it: farhand')


@context.command("use")
@click.argument("name")
@answers
@pass_session
def use(session: Session, name: str) -> None:
    """Make a context the current one."""
    file.save(session.contexts_path, session.contexts.using(name))
    session.note(f'context "{name}" is current')


@context.command("remove")
@click.argument("name")
@answers
@pass_session
def remove(session: Session, name: str) -> None:
    """Forget a context and its token."""
    changed = session.contexts.without(name)
    file.save(session.contexts_path, changed)
    left = "" if changed.current else "; none is current now: farhand context use NAME"
    session.note(f'context "{name}" is forgotten{left}')


def _known(session: Session, name: str) -> Known:
    return Known(
        name=name,
        context=session.contexts.get(name),
        current=name == session.contexts.current,
    )


def _token(from_input: bool) -> str:
    if from_input:
        token = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        token = str(click.prompt("token (not shown)", hide_input=True, err=True)).strip()
    else:
        raise click.UsageError("standard input is no terminal: give the token with --token-stdin")
    if not token:
        raise Failure("no token was given", do=["farhand context add … --token-stdin < FILE"])
    return token
