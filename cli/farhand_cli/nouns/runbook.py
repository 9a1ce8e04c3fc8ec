"""farhand runbook: scripts kept in the control plane."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farhand_cli import delivery, durations, script, wire, words
from farhand_cli.api import pages
from farhand_cli.durations import seconds_or_none
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.table import Cell, Column
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.runbook_pb2 import Runbook


def _type(runbook: "Runbook") -> str:
    names = wire.runbook.RunbookType
    return names.Name(runbook.type).removeprefix("RUNBOOK_TYPE_").lower()


def _state(runbook: "Runbook") -> Cell:
    names = wire.runbook.RunbookState
    name = names.Name(runbook.state).removeprefix("RUNBOOK_STATE_")
    return Cell.of(words.state(words.RUNBOOK_STATES, name))


def _version(runbook: "Runbook") -> str:
    return f"v{runbook.published_version}" if runbook.published_version else "-"


_NAME: Column["Runbook"] = Column("NAME", lambda runbook, _: runbook.name)
_TYPE: Column["Runbook"] = Column("TYPE", lambda runbook, _: _type(runbook))
_VERSION: Column["Runbook"] = Column("VERSION", lambda runbook, _: _version(runbook))
_CHANGED: Column["Runbook"] = Column("CHANGED", lambda it, manner: manner.time(it.modify_time))
_STATE: Column["Runbook"] = Column("STATE", lambda runbook, _: _state(runbook))
VIEW: View["Runbook"] = View(
    name=lambda runbook: runbook.name,
    columns=(_NAME, _TYPE, _VERSION, _CHANGED, _STATE),
    card=(
        *(_NAME, _TYPE, _STATE, _VERSION),
        Column("DESCRIPTION", lambda runbook, _: runbook.description),
        Column("DELIVERY", lambda runbook, _: delivery.word(runbook.delivery) or "as the account"),
        Column("TIMEOUT", lambda runbook, _: durations.shown(runbook.timeout)),
        Column("LOST AFTER", lambda runbook, _: durations.shown(runbook.lost_after)),
        Column("PUBLISHED SHA-256", lambda runbook, _: runbook.published_digest),
        Column("DRAFT SHA-256", lambda runbook, _: runbook.draft_digest),
        Column("CREATED", lambda runbook, manner: manner.time(runbook.create_time)),
        _CHANGED,
    ),
)


@click.group
def runbook() -> None:
    """Runbooks: scripts kept in the control plane."""


@runbook.command("list")
@answers
@pass_session
def list_(session: Session) -> None:
    """Runbooks, by name."""
    found = pages(
        lambda token: session.api.runbooks.ListRunbooks(
            wire.runbook.ListRunbooksRequest(page_token=token)
        )
    )
    session.show_all(
        VIEW,
        (each for page in found for each in page.runbooks),
        empty="no runbooks yet: farhand runbook import FILE --publish",
    )


@runbook.command("show")
@click.argument("name", metavar="RUNBOOK")
@answers
@pass_session
def show(session: Session, name: str) -> None:
    """One runbook; `export` prints its script."""
    request = wire.runbook.GetRunbookRequest(runbook=name)
    session.show(VIEW, session.api.runbooks.GetRunbook(request).runbook)


@runbook.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", metavar="N", help="Its name; the file's without its ending.")
@click.option("--type", "type_", type=click.Choice(script.TYPES), help="What it is written in.")
@click.option("--description", default="", metavar="TEXT", help="For people.")
@click.option("--publish", is_flag=True, help="Publish it at once.")
@click.option("--force", is_flag=True, help="Replace the draft of a runbook that exists.")
@answers
@pass_session
def import_(
    session: Session,
    file: Path,
    name: str | None,
    type_: str | None,
    description: str,
    publish: bool,
    force: bool,
) -> None:
    """Make a runbook from a script.

    \b
    farhand runbook import rotate-logs.sh --publish
    farhand runbook import rotate-logs.sh --publish --force
    farhand runbook import ./report --name disk-report --type python
    """
    content = script.read(file)
    kind = type_ or script.type_of(file, content)
    request = wire.runbook.ImportRunbookRequest(
        name=name or file.stem,
        type=f"RUNBOOK_TYPE_{kind.upper()}",
        content=content,
        description=description,
        publish=publish,
        force=force,
    )
    made = session.api.runbooks.ImportRunbook(request).runbook
    if publish:
        session.made(VIEW, made, _published(made))
    else:
        publishing = f"farhand runbook publish {made.name}"
        session.made(VIEW, made, f"{made.name}: draft saved ({_type(made)}). Publish: {publishing}")


@runbook.command("export")
@click.argument("name", metavar="RUNBOOK")
@click.option("--draft", is_flag=True, help="The draft; else the published version.")
@answers
@pass_session
def export(session: Session, name: str, draft: bool) -> None:
    """Print a runbook's script, byte for byte."""
    request = wire.runbook.ExportRunbookRequest(runbook=name, draft=draft)
    sys.stdout.buffer.write(session.api.runbooks.ExportRunbook(request).content)
    sys.stdout.buffer.flush()


@runbook.command("publish")
@click.argument("name", metavar="RUNBOOK")
@answers
@pass_session
def publish(session: Session, name: str) -> None:
    """Make the draft the version that new jobs run."""
    request = wire.runbook.PublishRunbookRequest(runbook=name)
    made = session.api.runbooks.PublishRunbook(request).runbook
    session.made(VIEW, made, _published(made))


@runbook.command("set")
@click.argument("name", metavar="RUNBOOK")
@click.option("--description", metavar="TEXT", help="For people.")
@click.option("--delivery", "chosen", type=click.Choice((*delivery.WORDS, "account")))
@click.option("--timeout", type=seconds_or_none, metavar="D", help="End its jobs after: 90s, 2h.")
@click.option("--lost-after", type=seconds_or_none, metavar="D", help="Patience with its worker.")
@answers
@pass_session
def set_(
    session: Session,
    name: str,
    description: str | None,
    chosen: str | None,
    timeout: int | None,
    lost_after: int | None,
) -> None:
    """Change settings of a runbook, for jobs that are started from now on.

    \b
    farhand runbook set nightly-copy --delivery at-least-once
    farhand runbook set nightly-copy --timeout 2h --lost-after none
    """
    own = delivery.named(chosen) if chosen and chosen != "account" else None
    wanted = wire.runbook.Runbook(name=name, description=description or "", delivery=own)
    for span, value in ((wanted.timeout, timeout), (wanted.lost_after, lost_after)):
        span.FromSeconds(value or 0)
    given = {
        "description": description,
        "delivery": chosen,
        "timeout": timeout,
        "lost_after": lost_after,
    }
    request = wire.runbook.UpdateRunbookRequest(runbook=wanted)
    request.update_mask.paths.extend(path for path, value in given.items() if value is not None)
    if not request.update_mask.paths:
        raise click.UsageError("name a setting to change, for example --timeout 2h")
    saved = session.api.runbooks.UpdateRunbook(request).runbook
    session.made(VIEW, saved, f"{saved.name}: saved; jobs that were started before keep theirs")


@runbook.command("delete")
@click.argument("name", metavar="RUNBOOK")
@answers
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a runbook that no unfinished job runs."""
    session.api.runbooks.DeleteRunbook(wire.runbook.DeleteRunbookRequest(runbook=name))
    session.note(f"runbook {name} is deleted")


def _published(made: "Runbook") -> str:
    return (
        f"{made.name}: {_version(made)} published ({_type(made)}). "
        f"Run it: farhand start {made.name} --run-on GROUP"
    )
