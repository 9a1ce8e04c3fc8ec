"""Following a job and waiting for it: its bytes to where they belong, its end as an exit code."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from farhand_cli import wire
from farhand_cli.feed import Back, Event, Feed, Lost, Open, Quiet
from farhand_cli.log import Log
from farhand_cli.narrator import REDRAW_SECONDS, Narrator
from farhand_cli.outcome import WAITED_TOO_LONG, Outcome, is_final, is_suspended, outcome
from farhand_cli.person import Person
from farhand_cli.session import Session
from farhand_cli.show import Format, document, fields

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import (
        FollowJobOutputResponse,
        Job,
        OutputPosition,
        OutputRecord,
    )

#: A suspended job is left when nothing came for so long; what was stored has come by then.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The job as it was last seen, and what that means for the exit code."""

    job: "Job"
    outcome: Outcome

    def fields(self) -> dict[str, object]:
        """For programs: the job, and whose the exit code is."""
        return {
            **fields(self.job),
            "exit": self.outcome.exit_code,
            "exitFrom": self.outcome.source,
        }


def follow(
    session: Session,
    job_id: str,
    *,
    tail: int = 0,
    started: "Job | None" = None,
    max_wait: float | None = None,
) -> NoReturn:
    """Writes a job's output as it comes, then leaves with its exit code.

    `tail`: begin with the last lines, with all if 0. `started`: the job, if it was just started.
    """
    jobs = session.api.jobs

    def open_(position: "OutputPosition | None") -> "Iterator[FollowJobOutputResponse]":
        request = wire.job.FollowJobOutputRequest(job_id=job_id, raw=True)
        if position is None:
            request.tail_lines = tail
        else:
            getattr(request, "from").CopyFrom(position)
        return jobs.FollowJobOutput(request)

    ending = _watch(session, open_, started=started, max_wait=max_wait)
    if session.format not in (Format.TABLE, Format.NAME):
        click.echo(document(ending.fields(), Format.JSONL), err=True)
    click.get_current_context().exit(ending.outcome.exit_code)


def wait(
    session: Session,
    job_id: str,
    *,
    started: "Job | None" = None,
    max_wait: float | None = None,
) -> NoReturn:
    """Waits until a job ends, then leaves with its exit code; programs get the job."""
    jobs = session.api.jobs

    def open_(_: "OutputPosition | None") -> "Iterator[FollowJobOutputResponse]":
        for answer in jobs.WatchJob(wire.job.WatchJobRequest(job_id=job_id)):
            yield wire.job.FollowJobOutputResponse(status=answer.job)

    ending = _watch(session, open_, started=started, max_wait=max_wait)
    if session.format is Format.NAME:
        click.echo(ending.job.job_id)
    elif session.format is not Format.TABLE:
        session.document(ending.fields())
    click.get_current_context().exit(ending.outcome.exit_code)


def narrator(session: Session) -> Narrator:
    """The one that suits standard error: none for programs, lines for logs, a status for people."""
    if session.quiet or session.format is not Format.TABLE:
        return Narrator()
    kind = Person if sys.stderr.isatty() else Log
    return kind(sys.stderr, lambda: session.manner(sys.stderr))


class Watch:
    """One job, watched until it ends, is suspended, or takes too long."""

    def __init__(
        self,
        feed: Feed,
        narrator: Narrator,
        *,
        job: "Job | None" = None,
        max_wait: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed = feed
        self._narrator = narrator
        self._job = job
        self._max_wait = max_wait
        self._clock = clock
        self._begun = self._heard = clock()
        self._connected = True

    def run(self) -> Ending:
        """Raises what the feed raises, and KeyboardInterrupt after a parting word."""
        try:
            if self._job is not None:
                self._narrator.changed(self._job)
            while True:
                event = self._feed.next(REDRAW_SECONDS)
                if event is None or self._settled(event):
                    return self._ended()
                self._take(event)
                if (ending := self._impatient()) is not None:
                    return ending
                self._narrator.tick()
        except KeyboardInterrupt:
            if self._job is not None:
                self._narrator.left(self._job)
            raise
        finally:
            self._feed.leave()
            self._narrator.clear()

    def _take(self, event: "Event | Quiet") -> None:
        match event:
            case Quiet():
                return
            case Lost():
                self._connected = False
                self._narrator.lost(event.received)
            case Back():
                self._connected = True
                self._narrator.back(event.after_seconds, event.received)
            case _ if event.HasField("status"):
                self._job = event.status
                self._narrator.changed(event.status)
            case _ if event.HasField("omitted"):
                self._narrator.omitted(event.omitted)
            case _:
                self._write(event.output)
        self._heard = self._clock()

    def _write(self, record: "OutputRecord") -> None:
        stream = stream_of(record)
        self._narrator.clear()
        stream.buffer.write(record.data)
        stream.buffer.flush()
        self._narrator.after_output(record.data, to_terminal=stream.isatty())

    def _settled(self, event: "Event | Quiet") -> bool:
        """A suspended job sends no end; its stored output has come when it falls silent."""
        return (
            isinstance(event, Quiet)
            and self._connected
            and self._job is not None
            and is_suspended(self._job)
            and self._clock() - self._heard >= SETTLE_SECONDS
        )

    def _impatient(self) -> Ending | None:
        job, most = self._job, self._max_wait
        if job is None or most is None or is_final(job) or self._clock() - self._begun < most:
            return None
        self._narrator.patience_over(job, most)
        return Ending(job=job, outcome=Outcome(exit_code=WAITED_TOO_LONG, source="farhand"))

    def _ended(self) -> Ending:
        if self._job is None:
            raise RuntimeError("the stream ended without a job")
        self._narrator.ended(self._job)
        return Ending(job=self._job, outcome=outcome(self._job))


def stream_of(record: "OutputRecord") -> TextIO:
    """Output belongs on standard output, all other streams on standard error."""
    output = record.stream == wire.job.JobStream.JOB_STREAM_OUTPUT
    return sys.stdout if output else sys.stderr


def _watch(
    session: Session, open_: Open, *, started: "Job | None", max_wait: float | None
) -> Ending:
    feed = Feed(open_, reached=started is not None)
    return Watch(feed, narrator(session), job=started, max_wait=max_wait).run()
