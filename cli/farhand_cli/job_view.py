"""How a job looks: in a list, as a card, its attempts, and why it waits."""

import json
from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING

from farhand_cli import delivery, durations, outcome, words
from farhand_cli.show import View, fields
from farhand_cli.table import Cell, Column, Manner, table

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import (
        AssetRead,
        ExplainJobResponse,
        Job,
        JobAttempt,
        WorkerVerdict,
    )


def _ran(job: "Job", manner: Manner) -> str:
    if not job.HasField("start_time"):
        return "-"
    begun = job.start_time.ToDatetime(tzinfo=UTC)
    if not job.HasField("end_time"):
        return words.duration((manner.now - begun).total_seconds())
    return words.span((job.end_time.ToDatetime(tzinfo=UTC) - begun).total_seconds())


def _exit(job: "Job") -> str:
    if job.HasField("signal"):
        return f"signal {job.signal}"
    return str(job.exit_code) if job.HasField("exit_code") else "-"


def _parameters(job: "Job") -> str:
    given = fields(job).get("parameters")
    return json.dumps(given) if given else ""


_STATE: Column["Job"] = Column("STATE", lambda job, _: Cell.of(outcome.state(job)))
_BY: Column["Job"] = Column("BY", lambda job, _: job.started_by)
_STARTED: Column["Job"] = Column("STARTED", lambda job, manner: manner.time(job.start_time))
_RAN: Column["Job"] = Column("RAN", _ran)
_EXIT: Column["Job"] = Column("EXIT", lambda job, _: _exit(job))
_DETAILS: Column["Job"] = Column("DETAILS", lambda job, _: job.status_details)
VIEW: View["Job"] = View(
    name=lambda job: job.job_id,
    columns=(
        _STATE,
        Column("RUNBOOK", lambda job, _: job.runbook),
        Column("WHERE", lambda job, _: "/".join(filter(None, (job.run_on, job.worker)))),
        *(_BY, _STARTED, _RAN, _EXIT),
        Column("JOB", lambda job, manner: manner.job(job.job_id)),
        _DETAILS,
    ),
    card=(
        Column("JOB", lambda job, _: job.job_id),
        *(_STATE, _DETAILS, _EXIT),
        Column("RUNBOOK", lambda job, _: f"{job.runbook} {outcome.version(job)}"),
        Column("GROUP", lambda job, _: job.run_on),
        Column("WORKER", lambda job, _: job.worker),
        Column("RUN AS", lambda job, _: job.run_as),
        _BY,
        Column("CREATED", lambda job, manner: manner.time(job.create_time)),
        *(_STARTED, _RAN),
        Column("ENDED", lambda job, manner: manner.time(job.end_time)),
        Column("ATTEMPT", lambda job, _: str(job.attempt or "")),
        Column("DELIVERY", lambda job, _: delivery.word(job.delivery)),
        Column("TIMEOUT", lambda job, _: durations.shown(job.timeout)),
        Column("OUTPUT", lambda job, _: words.size(job.output_bytes)),
        Column("PARENT", lambda job, _: job.parent_job_id),
        Column("PARAMETERS", lambda job, _: _parameters(job)),
    ),
)


ATTEMPTS: tuple[Column["JobAttempt"], ...] = (
    Column("ATTEMPT", lambda attempt, _: str(attempt.attempt)),
    Column("WORKER", lambda attempt, _: attempt.worker),
    Column("GRANTED", lambda attempt, manner: manner.time(attempt.grant_time)),
    Column("OUTCOME", lambda attempt, _: attempt.outcome or "-"),
)


ASSET_READS: tuple[Column["AssetRead"], ...] = (
    Column("ASSET", lambda read, _: f"{read.kind} {read.name}"),
    Column("VERSION", lambda read, _: f"v{read.version}"),
    Column("", lambda read, _: "written" if read.written else "read"),
    Column("FIRST", lambda read, manner: manner.time(read.read_time)),
)


def explanation(answer: "ExplainJobResponse", manner: Manner) -> Iterator[str]:
    """The lines of `job why`."""
    yield words.plain(answer.message)
    columns: tuple[Column[WorkerVerdict], ...] = (
        Column("", lambda verdict, _: f"  {verdict.worker}"),
        Column("", lambda verdict, _: verdict.verdict),
        Column("", lambda verdict, _: verdict.detail or " "),
    )
    yield from table(columns, answer.workers, manner)[1:]
    for step in answer.do:
        yield f"do: {words.plain(step)}"
