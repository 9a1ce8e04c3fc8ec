"""What a pipe is told of a job: one line for each change, for programs and for later."""

import json
from typing import TYPE_CHECKING

from farhand_cli.narrator import Told
from farhand_cli.outcome import azure_name, is_final, outcome, version
from farhand_cli.words import rfc3339

if TYPE_CHECKING:
    from farhand_wire.v1.job_pb2 import Job


class Log(Told):
    """Into a pipe: one line for each change, with time and job, as `name=value`."""

    def changed(self, job: "Job") -> None:
        first = self._job is None
        if self._entered(job) and (first or not is_final(job)):  # the end has a line of its own
            parts = [f"state={azure_name(job)}"]
            if first:
                parts += [f"runbook={job.runbook}", f"version={version(job).removeprefix('v')}"]
                parts += [f"group={job.run_on}"]
            if job.worker:
                parts.append(f"worker={job.worker}")
            self._say(" ".join(parts))
        self.tick()

    def tick(self) -> None:
        if news := self._news():
            self._say(news)

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
