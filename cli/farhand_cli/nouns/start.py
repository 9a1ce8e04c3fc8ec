"""farhand start: a runbook on a group, now."""

from typing import Any

import click

from farhand_cli import starting
from farhand_cli.session import Session
from farhand_cli.verb import answers, pass_session


@click.command
@click.argument("runbook")
@starting.options
@answers
@pass_session
def start(session: Session, /, **typed: Any) -> None:
    """Start a published runbook; prints the job's id.

    \b
    farhand start inventory --run-on dc1
    farhand start rotate-logs --run-on dc1 -p days=7 -p path=/var/log --follow
    id=$(farhand start report --run-on dc1 --params report.json)

    A value is JSON if it parses as JSON of the declared type, else text. Exit code with --follow or
    --wait: the runbook's own; 3 failed without one, 4 stopped or suspended, 5 waited too long.
    """
    starting.Start(**typed).run(session)
