"""What is said on standard error while a job is followed; its output goes elsewhere."""

import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from farhand_cli.outcome import state, status_name
from farhand_cli.table import Manner
from farhand_cli.words import plain

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job, OutputOmitted

#: A job that starts sooner did not wait.
WAIT_SECONDS = 1.0
REDRAW_SECONDS = 0.5

WAITING = ("NEW", "BLOCKED")
#: States that somebody should know of although the job goes on.
ALARMING = ("BLOCKED", "DISCONNECTED", "SUSPENDED")


class Narrator:
    """Says nothing; its children say more."""

    def changed(self, job: "Job") -> None:
        """The job as it is now; the first time, what it is."""

    def tick(self) -> None:
        """Time goes by."""

    def clear(self) -> None:
        """Somebody else is about to write."""

    def after_output(self, data: bytes, *, to_terminal: bool) -> None:
        """Bytes of the job were written."""

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
        self._told = ""

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
        """What the server says of a job that waits or needs somebody, if it was not told yet."""
        job = self._job
        if job is None or not job.status_details or job.status_details == self._told:
            return ""
        waits = self._status in WAITING and self._clock() - self._since >= WAIT_SECONDS
        if not waits and self._status not in ALARMING:
            return ""
        self._told = job.status_details
        return plain(job.status_details)

    def _id(self, job: "Job") -> str:
        return self._manner().job(job.job_id)

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
