"""farhand start: a runbook on a group, now."""

import uuid
from typing import TextIO

import click

from farhand_cli import parameters, wire
from farhand_cli.job_view import VIEW
from farhand_cli.runbook_view import type_of
from farhand_cli.session import Session
from farhand_cli.show import Format
from farhand_cli.verb import answers, pass_session


@click.command
@click.argument("runbook")
@click.option("--run-on", required=True, metavar="GROUP", help="Hybrid worker group.")
@click.option(
    "-p", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; =@FILE reads it."
)
@click.option(
    "--params",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE|-",
    help="A JSON object of them.",
)
@click.option("--job-id", type=click.UUID, metavar="UUID", help="The same id twice is one job.")
@click.option("--follow", is_flag=True, help="Show its output; leave with its exit code.")
@click.option("--wait", is_flag=True, help="Wait for its end; leave with its exit code.")
@click.option("--max-wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Then exit 5.")
@answers
@pass_session
def start(
    session: Session,
    runbook: str,
    run_on: str,
    pairs: tuple[str, ...],
    params: TextIO | None,
    job_id: uuid.UUID | None,
    follow: bool,
    wait: bool,
    max_wait: float | None,
) -> None:
    """Start a published runbook on a group; prints the job's id.

    \b
    farhand start inventory --run-on dc1
    farhand start rotate-logs --run-on dc1 -p days=7 -p path=/var/log --follow
    id=$(farhand start report --run-on dc1 --params report.json)

    A value is JSON if it parses as JSON of the declared type, else text. Exit code with --follow or
    --wait: the runbook's own; 3 failed without one, 4 stopped or suspended, 5 waited too long.
    """
    if max_wait is not None and not (follow or wait):
        raise click.UsageError("--max-wait needs --wait or --follow")
    document = params.read() if params else None
    values = parameters.parse(pairs, document, types=lambda: _types(session, runbook))
    # With an id of our own the request may be sent again when an answer is lost.
    request = wire.job.StartJobRequest(
        runbook=runbook,
        run_on=run_on,
        job_id=str(job_id or uuid.uuid4()),
        parameter_order=list(values),
    )
    request.parameters.update(values)
    try:
        job = session.api.jobs.StartJob(request).job
    except Exception as error:
        # Told when it is not known whether the request arrived.
        error.add_note(f"see whether it was started: farhand job show {request.job_id}")
        raise
    if follow or wait:
        from farhand_cli import following

        stay = following.follow if follow else following.wait
        stay(session, job.job_id, started=job, max_wait=max_wait)
    elif session.format is Format.TABLE:
        click.echo(job.job_id)
    else:
        session.show(VIEW, job)


def _types(session: Session, runbook: str) -> dict[str, str]:
    """What the published script declares, by name."""
    request = wire.runbook.GetRunbookRequest(runbook=runbook)
    declared = session.api.runbooks.GetRunbook(request).parameters
    return {parameter.name: type_of(parameter) for parameter in declared}
