"""What a person at a terminal is told of a job."""

import time
from collections.abc import Callable
from datetime import UTC
from typing import IO, TYPE_CHECKING

import click

from farhand_cli.narrator import ALARMING, REDRAW_SECONDS, WAIT_SECONDS, WAITING, Told
from farhand_cli.outcome import azure_name, is_final, outcome, state, status_name, version
from farhand_cli.table import Manner
from farhand_cli.words import duration, plain, size, span

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job


class Person(Told):
    """At a terminal: few lines, and below the output one that is redrawn."""

    def __init__(
        self,
        stream: IO[str],
        manner: Callable[[], Manner],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream, manner, clock)
        self._drawn = False
        self._line_open = False
        self._drawn_at = clock() - REDRAW_SECONDS

    def changed(self, job: "Job") -> None:
        first = self._job is None
        if self._entered(job):
            if first:
                what = f"{job.runbook} {version(job)}"
                self._say(plain(f"job {self._id(job)}  {what} -> {job.run_on}"))
            elif not self._manner().colour and not is_final(job):
                self._say(self._doing(job))
            self._drawn_at = self._clock() - REDRAW_SECONDS
        self.tick()

    def tick(self) -> None:
        manner = self._manner()
        alarmed = self._status in ALARMING or not manner.colour
        if alarmed and (news := self._news()):
            self._say(news)
        due = self._clock() - self._drawn_at >= REDRAW_SECONDS
        if manner.colour and due and self._job and not self._line_open:
            self._drawn_at = self._clock()
            self._draw(self._job, manner)

    def clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._drawn = False

    def after_output(self, data: bytes, *, to_terminal: bool) -> None:
        if to_terminal and data:
            self._line_open = not data.endswith(b"\n")

    def ended(self, job: "Job") -> None:
        end = outcome(job)
        since = job.start_time.ToDatetime() if job.HasField("start_time") else None
        parts = [azure_name(job)]
        if since is not None and job.HasField("end_time"):
            took = span((job.end_time.ToDatetime() - since).total_seconds())
            parts[0] += f" {'in' if status_name(job) == 'COMPLETED' else 'after'} {took}"
        if job.HasField("signal"):
            parts.append(f"signal {job.signal}")
        elif end.source == "farhand" and job.status_details:
            parts.append(plain(job.status_details))
        who = "the runbook" if end.source == "runbook" else "farhand"
        parts.append(f"exit {end.exit_code} (from {who})")
        mark = f"[{state(job).mark}]"
        if self._manner().colour:
            mark = click.style(mark, fg=state(job).tone.value)
        self._say(f"{mark} {', '.join(parts)} | {size(job.output_bytes)}")

    def _draw(self, job: "Job", manner: Manner) -> None:
        parts = [self._doing(job)]
        if self._status in WAITING and self._clock() - self._since >= WAIT_SECONDS:
            parts.append(plain(job.status_details) or "no member has taken it yet")
        line = " | ".join([*parts, "Ctrl-C leaves it running"])
        self._stream.write(f"\r\x1b[2K{line[: manner.width - 1]}")
        self._stream.flush()
        self._drawn = True

    def _doing(self, job: "Job") -> str:
        """`[>] running 0:41 on dc1-app03`"""
        shown = state(job)
        begun = job.start_time if job.HasField("start_time") else job.create_time
        elapsed = (self._manner().now - begun.ToDatetime(tzinfo=UTC)).total_seconds()
        where = f" on {job.worker}" if job.worker else ""
        return plain(f"[{shown.mark}] {shown.word} {duration(elapsed)}{where}")

    def _say(self, line: str) -> None:
        self.clear()
        if self._line_open:
            self._line_open = False
            line = f"\n{line}"
        super()._say(line)
