"""farhand runbook: scripts kept in the control plane."""

import sys
from pathlib import Path

import click

from farhand_cli import delivery, script, wire
from farhand_cli.api import pages
from farhand_cli.durations import seconds_or_none
from farhand_cli.nouns.draft import create, edit, revert, test
from farhand_cli.nouns.version import diff, history, rollback
from farhand_cli.runbook_view import PARAMETERS, VIEW, published, type_word
from farhand_cli.session import Session
from farhand_cli.show import Format, fields
from farhand_cli.table import table
from farhand_cli.verb import answers, pass_session


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
    """One runbook, with the parameters of its published script (of its draft before that).

    `export` prints the script.
    """
    answer = session.api.runbooks.GetRunbook(wire.runbook.GetRunbookRequest(runbook=name))
    declared = answer.parameters if answer.runbook.published_version else answer.draft_parameters
    if session.format not in (Format.TABLE, Format.NAME):
        whole = fields(answer)
        told = {key: whole[key] for key in ("parameters", "draftParameters")}
        session.document({**VIEW.fields(answer.runbook), **told})
        return
    session.show(VIEW, answer.runbook)
    if declared and session.format is Format.TABLE:
        for line in table(PARAMETERS, declared, session.manner()):
            click.echo(line)


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
        session.made(VIEW, made, published(made))
    else:
        publishing = f"farhand runbook publish {made.name}"
        session.made(
            VIEW, made, f"{made.name}: draft saved ({type_word(made)}). Publish: {publishing}"
        )


@runbook.command("export")
@click.argument("name", metavar="RUNBOOK")
@click.option("--draft", is_flag=True, help="The draft; else the published version.")
@click.option("--version", type=click.IntRange(1), metavar="N", help="One of its versions.")
@answers
@pass_session
def export(session: Session, name: str, draft: bool, version: int | None) -> None:
    """Print a runbook's script, byte for byte."""
    request = wire.runbook.ExportRunbookRequest(runbook=name, draft=draft, version=version or 0)
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
    session.made(VIEW, made, published(made))


@runbook.command("set")
@click.argument("name", metavar="RUNBOOK")
@click.option("--description", metavar="TEXT", help="For people.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="All of them; repeatable.")
@click.option("--no-tags", is_flag=True, help="Without any tag.")
@click.option("--delivery", "chosen", type=click.Choice((*delivery.WORDS, "account")))
@click.option("--timeout", type=seconds_or_none, metavar="D", help="End its jobs after: 90s, 2h.")
@click.option("--lost-after", type=seconds_or_none, metavar="D", help="Patience with its worker.")
@click.option("--log-verbose/--no-log-verbose", default=None, help="Show its Verbose stream.")
@click.option("--log-progress/--no-log-progress", default=None, help="Show its Progress stream.")
@click.option("--grant", "grants", multiple=True, metavar="KIND/NAME", help="All that it may use.")
@click.option("--grant-none", "grants_none", is_flag=True, help="It may use nothing.")
@click.option("--grants-as-account", is_flag=True, help="It may use what the account says.")
@answers
@pass_session
def set_(
    session: Session,
    name: str,
    description: str | None,
    tags: tuple[str, ...],
    no_tags: bool,
    chosen: str | None,
    timeout: int | None,
    lost_after: int | None,
    log_verbose: bool | None,
    log_progress: bool | None,
    grants: tuple[str, ...],
    grants_none: bool,
    grants_as_account: bool,
) -> None:
    """Change settings of a runbook, for jobs that are started from now on.

    What it may use is looked at when a job asks for it, so a grant counts for jobs that run, too.

    \b
    farhand runbook set nightly-copy --delivery at-least-once
    farhand runbook set nightly-copy --timeout 2h --lost-after none
    farhand runbook set nightly-copy --tag team=storage --tag tier=1
    farhand runbook set nightly-copy --grant variable/region --grant 'credential/*'
    """
    own = delivery.named(chosen) if chosen and chosen != "account" else None
    wanted = wire.runbook.Runbook(
        name=name,
        description=description or "",
        delivery=own,
        log_verbose=bool(log_verbose),
        log_progress=bool(log_progress),
    )
    wanted.tags.update(dict(_tag(tag) for tag in tags))
    for span, value in ((wanted.timeout, timeout), (wanted.lost_after, lost_after)):
        span.FromSeconds(value or 0)
    if grants or grants_none:
        wanted.grants.SetInParent()
        wanted.grants.grants.extend(grants)
    given = {
        "grants": grants or grants_none or grants_as_account or None,
        "description": description,
        "tags": tags or no_tags or None,
        "delivery": chosen,
        "timeout": timeout,
        "lost_after": lost_after,
        "log_verbose": log_verbose,
        "log_progress": log_progress,
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


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--tag")
    return name, value


for _verb in (create, edit, test, revert, history, diff, rollback):
    runbook.add_command(_verb)
