"""farhand job: what runs, what ran, and what it said."""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from farhand_cli import outcome, records, wire, words
from farhand_cli.api import pages
from farhand_cli.durations import seconds_or_none
from farhand_cli.job_view import ASSET_READS, ATTEMPTS, VIEW, explanation
from farhand_cli.receipt import receipted, with_receipt
from farhand_cli.session import Session
from farhand_cli.show import Format, document, fields
from farhand_cli.table import Manner, table
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import GetJobResponse, ReadJobOutputResponse

STREAMS = ("output", "error", "warning", "verbose", "progress", "debug")


@click.group
def job() -> None:
    """Jobs: what runs, what ran, and what it said.

    A job is named by its id or by a beginning of it that no other job has.
    """


@job.command("list")
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only these; repeatable.")
@click.option("--runbook", default="", metavar="RUNBOOK", help="Only jobs of it.")
@click.option("--group", default="", metavar="GROUP", help="Only jobs on it.")
@click.option("--parent", default="", metavar="JOB", help="Only jobs that this one has started.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, metavar="N")
@answers
@pass_session
def list_(
    session: Session, states: tuple[str, ...], runbook: str, group: str, parent: str, limit: int
) -> None:
    """Jobs, newest first.

    \b
    farhand job list --state running
    farhand job list --state failed --runbook nightly-copy
    farhand job list --group dc1 -o jsonl
    """
    statuses = [_status(state) for state in states]
    found = pages(
        lambda token: session.api.jobs.ListJobs(
            wire.job.ListJobsRequest(
                page_size=min(limit, 1000),
                page_token=token,
                statuses=statuses,
                runbook=runbook,
                run_on=group,
                parent_job_id=parent,
            )
        )
    )
    jobs = list(islice((each for page in found for each in page.jobs), limit))
    session.show_all(VIEW, jobs, empty="no such jobs: farhand start RUNBOOK --run-on GROUP")
    if len(jobs) == limit:
        session.note(f"the newest {limit:,}; more: --limit")


@job.command("show")
@click.argument("job_id", metavar="JOB")
@answers
@pass_session
def show(session: Session, job_id: str) -> None:
    """One job, with every attempt at it; of one that is over, whether its output is all there.

    The control plane reads the output back for that: seconds for a gigabyte, the first time.
    """
    answer = session.api.jobs.GetJob(wire.job.GetJobRequest(job_id=job_id))
    shown, view = receipted(session, answer.job), with_receipt(VIEW)
    if session.format not in (Format.TABLE, Format.NAME):
        told = fields(answer)
        told.pop("job")
        session.document(
            {**view.fields(shown), **{name: told[name] for name in told if told[name]}}
        )
        return
    session.show(view, shown)
    if session.format is Format.TABLE:
        for line in answer.exception.splitlines():
            click.echo(f"          {words.plain(line)}")
        for line in _tables(answer, session.manner()):
            click.echo(line)


def _tables(answer: "GetJobResponse", manner: Manner) -> Iterator[str]:
    if len(answer.attempts) > 1:
        yield from table(ATTEMPTS, answer.attempts, manner)
    if answer.asset_reads:
        yield from table(ASSET_READS, answer.asset_reads, manner)


@job.command("why")
@click.argument("job_id", metavar="JOB")
@answers
@pass_session
def why(session: Session, job_id: str) -> None:
    """Why a job waits, or what it does."""
    answer = session.api.jobs.ExplainJob(wire.job.ExplainJobRequest(job_id=job_id))
    if session.format is Format.TABLE:
        for line in explanation(answer, session.manner()):
            click.echo(line)
    elif session.format is Format.NAME:
        click.echo(answer.code)
    else:
        session.document(fields(answer))


@job.command("output")
@click.argument("job_id", metavar="JOB")
@click.option("--stream", type=click.Choice(STREAMS), help="Only this one, on standard output.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last lines.")
@click.option("--raw", is_flag=True, help="Byte for byte also on a terminal.")
@click.option("--records", "numbered", is_flag=True, help="Each with its time, number and stream.")
@click.option("--from", "first", type=click.IntRange(0), metavar="N", help="From record N on.")
@answers
@pass_session
def output(
    session: Session,
    job_id: str,
    stream: str | None,
    tail: int | None,
    raw: bool,
    numbered: bool,
    first: int | None,
) -> None:
    """What a job has said until now; `follow` goes on.

    \b
    farhand job output 0190…
    farhand job output 0190… --records -o jsonl --from 120

    Into a pipe or a file it is byte for byte. The Error stream goes to standard error unless it
    is asked for with --stream.
    """
    if raw and numbered:
        raise click.UsageError("--raw and --records exclude each other")
    if first is not None and (tail or not numbered):
        raise click.UsageError("--from needs --records, and excludes --tail")
    people = session.format in (Format.TABLE, Format.NAME) and not numbered
    request = wire.job.ReadJobOutputRequest(
        job_id=job_id,
        tail_lines=tail or 0,
        raw=raw or (people and not sys.stdout.isatty()),
        streams=[f"JOB_STREAM_{stream.upper()}"] if stream else [],
        records=numbered,
    )
    if first:
        getattr(request, "from").sequence = first
    answers_ = session.api.jobs.ReadJobOutput(request)
    if numbered:
        for line in records.lines(answers_, session.format):
            click.echo(line)
    elif people:
        _write(session, answers_, to_output=stream is not None)
    elif session.format is Format.JSONL:
        for answer in answers_:
            click.echo(document(fields(answer), Format.JSONL))
    else:
        session.document([fields(answer) for answer in answers_])


@job.command("follow")
@click.argument("job_id", metavar="JOB")
@click.option("--from-start", is_flag=True, help="From the first byte (the default).")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Begin with the last lines.")
@click.option("--max-wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Then exit 5.")
@answers
@pass_session
def follow(
    session: Session, job_id: str, from_start: bool, tail: int | None, max_wait: float | None
) -> None:
    """What a job says, as it says it; leave with its exit code.

    Ctrl-C leaves; the job goes on. A lost connection is taken up again where it was cut.
    """
    from farhand_cli import following

    if from_start and tail:
        raise click.UsageError("--from-start and --tail exclude each other")
    following.follow(session, job_id, tail=tail or 0, max_wait=max_wait)


@job.command("wait")
@click.argument("job_id", metavar="JOB")
@click.option("--max-wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Then exit 5.")
@answers
@pass_session
def wait(session: Session, job_id: str, max_wait: float | None) -> None:
    """Wait until a job ends; leave with its exit code."""
    from farhand_cli import following

    following.wait(session, job_id, max_wait=max_wait)


@job.command("suspend")
@click.argument("job_id", metavar="JOB")
@answers
@pass_session
def suspend(session: Session, job_id: str) -> None:
    """Freeze a running job: every process of it stands still until it is resumed."""
    asked = session.api.jobs.SuspendJob(wire.job.SuspendJobRequest(job_id=job_id)).job
    shown = session.manner(sys.stderr).job(asked.job_id)
    session.made(VIEW, asked, f"job {shown} is {outcome.state(asked).word} on {asked.worker}")


@job.command("resume")
@click.argument("job_id", metavar="JOB")
@answers
@pass_session
def resume(session: Session, job_id: str) -> None:
    """Let a frozen job go on; start any other that is suspended once more.

    A job that is suspended because its outcome is unknown may have run: look first what it did.
    """
    asked = session.api.jobs.ResumeJob(wire.job.ResumeJobRequest(job_id=job_id)).job
    shown = session.manner(sys.stderr).job(asked.job_id)
    session.made(VIEW, asked, f"job {shown} is {outcome.state(asked).word}")


@job.command("force-close")
@click.argument("job_id", metavar="JOB")
@click.option("--reason", required=True, metavar="TEXT", help="Kept with the job, for people.")
@answers
@pass_session
def force_close(session: Session, job_id: str, reason: str) -> None:
    """Give up a job whose worker will not answer: it is failed, whatever still runs.

    \b
    farhand job force-close 0190… --reason "the rack burned down"
    """
    request = wire.job.ForceCloseJobRequest(job_id=job_id, reason=reason)
    closed = session.api.jobs.ForceCloseJob(request).job
    shown = session.manner(sys.stderr).job(closed.job_id)
    session.made(VIEW, closed, f"job {shown} is {outcome.state(closed).word}: it was given up")


@job.command("stop")
@click.argument("job_id", metavar="JOB")
@click.option("--grace", type=seconds_or_none, metavar="D", help="TERM to KILL: 0, 90s, 15m; 30s.")
@click.option("--follow", is_flag=True, help="Wait until nothing of it runs any more.")
@answers
@pass_session
def stop(session: Session, job_id: str, grace: int | None, follow: bool) -> None:
    """End a job and everything it started: SIGTERM, 30 s, SIGKILL."""
    request = wire.job.StopJobRequest(job_id=job_id)
    if grace is not None:
        request.grace.FromSeconds(grace)
    stopping = session.api.jobs.StopJob(request).job
    shown = session.manner(sys.stderr).job(stopping.job_id)
    if outcome.status_name(stopping) == "STOPPING":
        note = f"TERM sent to {stopping.worker}; Stopped is said when nothing of it runs any more"
    else:
        note = f"job {shown} is {outcome.state(stopping).word}"
    if follow:
        from farhand_cli import following

        session.note(note)
        following.wait(session, stopping.job_id, started=stopping)
    elif outcome.status_name(stopping) == "STOPPING":
        note = f"{note}. See it: farhand job wait {shown}"
    session.made(VIEW, stopping, note)


def _status(state: str) -> str:
    """The name on the wire."""
    name = words.named(words.JOB_STATES, state)
    if name is None:
        known = ", ".join(shown.word.replace(" ", "-") for shown in words.JOB_STATES.values())
        raise click.BadParameter(f"{state!r} is none of {known}", param_hint="--state")
    return f"JOB_STATUS_{name}"


def _write(
    session: Session, answers_: "Iterator[ReadJobOutputResponse]", *, to_output: bool
) -> None:
    for answer in answers_:
        record = answer.output
        if answer.HasField("omitted"):
            gone = answer.omitted.to_offset - answer.omitted.from_offset
            session.note(f"{gone:,} bytes of output are gone: {words.plain(answer.omitted.reason)}")
            continue
        normal = to_output or record.stream == wire.job.JobStream.JOB_STREAM_OUTPUT
        stream = sys.stdout if normal else sys.stderr
        stream.buffer.write(record.data or record.text.encode())
        stream.buffer.flush()
