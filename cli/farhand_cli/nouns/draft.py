"""The draft of a runbook: made, edited, tested, thrown away."""

from pathlib import Path
from typing import Any

import click

from farhand_cli import script, starting, wire
from farhand_cli.runbook_view import VIEW, type_word
from farhand_cli.session import Session
from farhand_cli.verb import answers, pass_session

#: What a new runbook begins with.
_BEGINNINGS = {
    "bash": '#!/bin/bash\nset -euo pipefail\n\necho "hello from $FARHAND_WORKER"\n',
    "python": 'import os\n\nprint("hello from", os.environ["FARHAND_WORKER"])\n',
    "powershell": 'param()\n\nWrite-Output "hello from $env:FARHAND_WORKER"\n',
}


@click.command
@click.argument("name", metavar="RUNBOOK")
@click.option("--type", "type_", type=click.Choice(script.TYPES), default="bash", show_default=True)
@click.option("--description", default="", metavar="TEXT", help="For people.")
@answers
@pass_session
def create(session: Session, name: str, type_: str, description: str) -> None:
    """Make a runbook that says hello, to be edited."""
    request = wire.runbook.ImportRunbookRequest(
        name=name,
        type=f"RUNBOOK_TYPE_{type_.upper()}",
        content=_BEGINNINGS[type_].encode(),
        description=description,
    )
    made = session.api.runbooks.ImportRunbook(request).runbook
    session.made(VIEW, made, f"{made.name}: draft made. Go on: farhand runbook edit {made.name}")


@click.command
@click.argument("name", metavar="RUNBOOK")
@click.option("--publish", is_flag=True, help="Publish it at once.")
@answers
@pass_session
def edit(session: Session, name: str, publish: bool) -> None:
    """Edit the draft in $VISUAL or $EDITOR.

    It is saved when the editor ends, unless somebody else has saved another one meanwhile: then
    yours is kept in a file.
    """
    exported = session.api.runbooks.ExportRunbook(
        wire.runbook.ExportRunbookRequest(runbook=name, draft=True)
    )
    runbook = exported.runbook
    ending = script.ending_of(type_word(runbook))
    content = click.edit(exported.content, extension=ending)
    if content is None or content == exported.content:
        session.note(f"{name}: nothing was changed")
        return
    request = wire.runbook.ImportRunbookRequest(
        name=name,
        type=runbook.type,
        content=content,
        publish=publish,
        force=True,
        draft_digest=runbook.draft_digest,
    )
    try:
        made = session.api.runbooks.ImportRunbook(request).runbook
    except BaseException:
        kept = _keep(Path.cwd(), name, ending, content)
        session.note(f"what you wrote is in {kept}")
        raise
    done = "published" if publish else f"saved. Publish: farhand runbook publish {name}"
    session.made(VIEW, made, f"{name}: draft {done}")


@click.command
@click.argument("runbook")
@starting.options
@answers
@pass_session
def test(session: Session, /, **typed: Any) -> None:
    """Run the draft on a group, with real effects, and show its output.

    \b
    farhand runbook test rotate-logs --run-on lab
    farhand runbook test rotate-logs --run-on lab -p days=7 --wait --max-wait 60

    A test is in no list of jobs; the next test of the runbook removes it. Exit code: as of
    `farhand start --follow`.

    It shows Output, Error and Warning; others when named: farhand job output JOB --stream verbose.
    """
    starting.Start(**typed, test=True).run(session)


@click.command
@click.argument("name", metavar="RUNBOOK")
@answers
@pass_session
def revert(session: Session, name: str) -> None:
    """Throw the draft away: it becomes what is published."""
    request = wire.runbook.RevertRunbookRequest(runbook=name)
    made = session.api.runbooks.RevertRunbook(request).runbook
    session.made(VIEW, made, f"{made.name}: the draft is v{made.published_version} again")


def _keep(folder: Path, name: str, ending: str, content: bytes) -> Path:
    """In a file that was not there before."""
    number = 0
    while True:
        path = folder / f"{name}{f'.{number}' if number else ''}{ending}"
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            number += 1
            continue
        return path
