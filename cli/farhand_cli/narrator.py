"""What is said on standard error while a job is followed; its output goes elsewhere."""

import json
import time
from collections.abc import Callable
from datetime import UTC
from typing import IO, TYPE_CHECKING

import click

from farhand_cli.outcome import azure_name, outcome, state, status_name
from farhand_cli.table import Manner
from farhand_cli.words import duration, plain, rfc3339, size, span

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job, OutputOmitted

#: A job that starts sooner did not wait.
WAIT_SECONDS = 1.0
REDRAW_SECONDS = 0.5

_WAITING = ("NEW", "BLOCKED")
#: States that somebody should know of although the job goes on.
_ALARMING = ("BLOCKED", "DISCONNECTED", "SUSPENDED")


class Narrator:
    """Says nothing; its children say more."""

    def changed(self, job: "Job") -> None:
        """The job as it is now; the first time, what it is."""

    def tick(self) -> None:
        """Time goes by."""

    def before_output(self) -> None:
        """Bytes are about to be written."""

    def after_output(self, data: bytes, *, to_terminal: bool) -> None:
        """They were."""

    def omitted(self, gap: "OutputOmitted") -> None:
        """Bytes that are gone for good."""

    def lost(self, received: int) -> None:
        """The connection is gone."""

    def back(self, after_seconds: float, received: int) -> None:
        """It is there again."""

    def ended(self, job: "Job") -> None:
        """The last word: how it ended, and where the exit code comes from."""

    def patience_over(self, job: "Job", seconds: float) -> None:
        """It goes on, unwatched, for it took too long."""

    def left(self, job: "Job") -> None:
        """It goes on, unwatched, for its watcher left."""


class Told(Narrator):
    """What a person and a log have in common: lines."""

    def __init__(
        self,
        stream: IO[str],
        manner: Callable[[], Manner],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._manner = manner
        self._clock = clock
        self._job: Job | None = None
        self._status = ""
        self._since = clock()
        self._reason = ""

    def omitted(self, gap: "OutputOmitted") -> None:
        lost = gap.to_offset - gap.from_offset
        self._say(f"{lost:,} bytes of output are gone: {plain(gap.reason)}")

    def lost(self, received: int) -> None:
        self._say(
            f"connection lost at byte {received:,}; "
            "trying again for as long as it takes (Ctrl-C leaves)"
        )

    def back(self, after_seconds: float, received: int) -> None:
        self._say(f"back after {after_seconds:.0f} s; went on at byte {received:,}, nothing missed")

    def patience_over(self, job: "Job", seconds: float) -> None:
        self._say(
            f"still {state(job).word} after {seconds:g} s; it goes on. "
            f"farhand job wait {self._id(job)}"
        )

    def left(self, job: "Job") -> None:
        self._say(
            f"left; the job goes on. Back: farhand job follow {self._id(job)}   "
            f"Stop: farhand job stop {self._id(job)}"
        )

    def _entered(self, job: "Job") -> bool:
        """Remembers the job; whether its state is a new one."""
        self._job = job
        if status_name(job) == self._status:
            return False
        self._status = status_name(job)
        self._since = self._clock()
        return True

    def _news(self) -> str:
        """A reason to wait that was not told yet."""
        job = self._job
        if job is None or not job.status_details or job.status_details == self._reason:
            return ""
        waits = self._status in _WAITING and self._clock() - self._since >= WAIT_SECONDS
        if not waits and self._status not in _ALARMING:
            return ""
        self._reason = job.status_details
        return plain(job.status_details)

    def _id(self, job: "Job") -> str:
        return self._manner().job(job.job_id)

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class Log(Told):
    """Into a pipe: one line for each change, with time and job, as `name=value`."""

    def changed(self, job: "Job") -> None:
        first = self._job is None
        if self._entered(job):
            parts = [f"state={azure_name(job)}"]
            if first:
                parts += [f"runbook={job.runbook}", f"version={job.runbook_version}"]
                parts += [f"group={job.run_on}"]
            if job.worker:
                parts.append(f"worker={job.worker}")
            self._say(" ".join(parts))
        self.tick()

    def tick(self) -> None:
        waiting = self._status in _WAITING
        if reason := self._news():
            self._say(f"{'waits' if waiting else 'says'}: {reason}")

    def ended(self, job: "Job") -> None:
        end = outcome(job)
        parts = [f"state={azure_name(job)}", f"exit={end.exit_code}", f"from={end.source}"]
        if job.HasField("signal"):
            parts.append(f"signal={job.signal}")
        elif end.source == "farhand" and job.status_details:
            parts.append(f"why={json.dumps(job.status_details)}")
        self._say(" ".join([*parts, f"bytes={job.output_bytes}"]))

    def _say(self, line: str) -> None:
        job = f"job={self._job.job_id} " if self._job else ""
        super()._say(f"{rfc3339(self._manner().now)} {job}{line}")


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
                version = f"{job.runbook} v{job.runbook_version}"
                self._say(plain(f"job {self._id(job)}  {version} -> {job.run_on}"))
            elif not self._manner().colour:
                self._say(self._doing(job))
            self._drawn_at = self._clock() - REDRAW_SECONDS
        self.tick()

    def tick(self) -> None:
        manner = self._manner()
        alarmed = self._status in _ALARMING or not manner.colour
        if alarmed and (reason := self._news()):
            self._say(f"waits: {reason}" if self._status in _WAITING else reason)
        due = self._clock() - self._drawn_at >= REDRAW_SECONDS
        if manner.colour and due and self._job and not self._line_open:
            self._drawn_at = self._clock()
            self._draw(self._job, manner)

    def before_output(self) -> None:
        self._erase()

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
        if self._status in _WAITING and self._clock() - self._since >= WAIT_SECONDS:
            parts.append(f"waits: {plain(job.status_details or 'no member has taken it yet')}")
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

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._drawn = False

    def _say(self, line: str) -> None:
        self._erase()
        if self._line_open:
            self._line_open = False
            line = f"\n{line}"
        super()._say(line)
