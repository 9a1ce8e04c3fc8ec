"""What was published of a runbook: its history, what changed, the way back."""

import difflib
from collections.abc import Iterator

import click

from farhand_cli import wire
from farhand_cli.api import pages
from farhand_cli.runbook_view import VERSIONS, VIEW, published
from farhand_cli.session import Session
from farhand_cli.table import Manner
from farhand_cli.verb import answers, pass_session
from farhand_cli.words import plain

DRAFT = "draft"
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command
@click.argument("name", metavar="RUNBOOK")
@answers
@pass_session
def history(session: Session, name: str) -> None:
    """Every version that was published, newest first."""
    found = pages(
        lambda token: session.api.runbooks.ListRunbookVersions(
            wire.runbook.ListRunbookVersionsRequest(runbook=name, page_token=token)
        )
    )
    session.show_all(
        VERSIONS,
        (each for page in found for each in page.versions),
        empty=f"nothing was published yet: farhand runbook publish {name}",
    )


@click.command
@click.argument("name", metavar="RUNBOOK")
@click.argument("old", metavar="[FROM]", required=False, callback=lambda *given: _place(given[2]))
@click.argument("new", metavar="[TO]", required=False, callback=lambda *given: _place(given[2]))
@answers
@pass_session
def diff(session: Session, name: str, old: str | None, new: str | None) -> None:
    """What differs between two versions: from what is published to the draft, if none is named.

    \b
    farhand runbook diff nightly-copy
    farhand runbook diff nightly-copy 3
    farhand runbook diff nightly-copy 3 5
    """
    sides = (old or "", new or DRAFT)
    before, after = (_script(session, name, side) for side in sides)
    titles = [f"{name} {_title(side)}" for side in sides]
    changes = difflib.unified_diff(before, after, titles[0], titles[1], lineterm="")
    for line in _shown(changes, session.manner()):
        click.echo(line, color=True)


@click.command
@click.argument("name", metavar="RUNBOOK")
@click.argument("version", type=click.IntRange(1), metavar="VERSION")
@answers
@pass_session
def rollback(session: Session, name: str, version: int) -> None:
    """Publish the script of an earlier version again, as a version of its own.

    A draft that differs from what is published goes. Jobs that were started before keep what they
    were started with.
    """
    request = wire.runbook.RollbackRunbookRequest(runbook=name, version=version)
    made = session.api.runbooks.RollbackRunbook(request).runbook
    session.made(VIEW, made, f"back to v{version}. {published(made)}")


def _place(text: str | None) -> str | None:
    """A version, `draft`, or nothing."""
    if text is None or text == DRAFT:
        return text
    number = text.removeprefix("v")
    if not number.isdecimal() or int(number) < 1:
        raise click.BadParameter(f"{text!r} is neither a version nor {DRAFT}")
    return number


def _title(side: str) -> str:
    return side if side == DRAFT else (f"v{side}" if side else "published")


def _script(session: Session, name: str, side: str) -> list[str]:
    request = wire.runbook.ExportRunbookRequest(
        runbook=name, draft=side == DRAFT, version=int(side) if side.isdecimal() else 0
    )
    content = session.api.runbooks.ExportRunbook(request).content
    return content.decode(errors="replace").splitlines()


def _shown(changes: Iterator[str], manner: Manner) -> Iterator[str]:
    for line in changes:
        shown = plain(line)
        yield click.style(shown, fg=_COLOURS.get(line[:1])) if manner.colour else shown
