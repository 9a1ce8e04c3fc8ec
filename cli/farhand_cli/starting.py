"""Starting a job: what both `start` and `runbook test` take, and what they do with it."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from farhand_cli import parameters, wire
from farhand_cli.job_view import VIEW
from farhand_cli.runbook_view import type_of
from farhand_cli.session import Session
from farhand_cli.show import Format

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--run-on",
        default="",
        metavar="GROUP",
        help="Hybrid worker group; the control plane's own worker (cloud) if none is named.",
    ),
    click.option(
        "-p", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; =@FILE reads it."
    ),
    click.option(
        "--params",
        type=click.File("r", encoding="utf-8"),
        metavar="FILE|-",
        help="A JSON object of them.",
    ),
    click.option("--job-id", type=click.UUID, metavar="UUID", help="The same id twice is one job."),
    click.option(
        "--follow/--no-follow", default=None, help="Show its output; leave with its exit code."
    ),
    click.option("--wait", is_flag=True, help="Wait for its end; leave with its exit code."),
    click.option(
        "--max-wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Then exit 5."
    ),
)


def options(verb: F) -> F:
    """Adds them; the verb passes them on to Start."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What was typed."""

    runbook: str
    run_on: str
    pairs: Sequence[str]
    params: TextIO | None
    job_id: uuid.UUID | None
    #: None: nothing was said of it.
    follow: bool | None
    wait: bool
    max_wait: float | None
    #: Of the draft.
    test: bool = False

    @property
    def follows(self) -> bool:
        """Whoever tests a draft wants to see it."""
        return self.follow or (self.test and self.follow is None and not self.wait)

    def run(self, session: Session) -> None:
        """Starts the job; stays with it, or prints its id."""
        if self.max_wait is not None and not (self.follows or self.wait):
            raise click.UsageError("--max-wait needs --wait or --follow")
        job = self._start(session)
        if self.follows or self.wait:
            from farhand_cli import following

            stay = following.follow if self.follows else following.wait
            stay(session, job.job_id, started=job, max_wait=self.max_wait)
        elif session.format is Format.TABLE:
            click.echo(job.job_id)
        else:
            session.show(VIEW, job)

    def _start(self, session: Session) -> "Job":
        document = self.params.read() if self.params else None
        values = parameters.parse(self.pairs, document, types=lambda: self._types(session))
        # With an id of our own the request may be sent again when an answer is lost.
        request = wire.job.StartJobRequest(
            runbook=self.runbook,
            run_on=self.run_on,
            job_id=str(self.job_id or uuid.uuid4()),
            parameter_order=list(values),
            test=self.test,
        )
        request.parameters.update(values)
        try:
            return session.api.jobs.StartJob(request).job
        except Exception as error:
            # Told when it is not known whether the request arrived.
            error.add_note(f"see whether it was started: farhand job show {request.job_id}")
            raise

    def _types(self, session: Session) -> dict[str, str]:
        """What the script declares that is to run, by name."""
        request = wire.runbook.GetRunbookRequest(runbook=self.runbook)
        answer = session.api.runbooks.GetRunbook(request)
        declared = answer.draft_parameters if self.test else answer.parameters
        return {parameter.name: type_of(parameter) for parameter in declared}
