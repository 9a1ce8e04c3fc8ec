"""Jobs and their attempts, as the rules read and write them."""

from collections.abc import Set

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, JobId, WorkerId
from farhand_server.model.job import Attempt, Job
from farhand_server.model.runbook import RunbookType
from farhand_server.store.sqlite import job_rows
from farhand_server.store.sqlite.statements import Statements

_JOB = f"SELECT {job_rows.JOB_COLUMNS} FROM jobs"
_ADD_JOB = (
    f"INSERT INTO jobs ({job_rows.JOB_COLUMNS}) VALUES "
    f"({', '.join('?' for _ in job_rows.JOB_COLUMNS.split(','))})"
)
#: A worker holds, or may hold, the current attempt: Job.is_held, as the index has it.
_SERVED = "(status IN (1, 2, 8, 9, 10, 11) OR (status = 7 AND may_run = 1))"


class Jobs(Statements):
    """The part of Tx that is about jobs."""

    def job(self, job: JobId) -> Job | None:
        row = self._one(f"{_JOB} WHERE id = ?", job)
        return job_rows.job(row) if row else None

    def add_job(self, job: Job) -> None:
        self._write(_ADD_JOB, job_rows.job_values(job))

    def swap_job(self, old: Job, new: Job) -> bool:
        changed = self._write(
            "UPDATE jobs SET status = ?, details = ?, attempt = ?, worker = ?, worker_name = ?, "
            "started = ?, ended = ?, exit_code = ?, exit_signal = ?, exit_reason = ?, "
            "exit_stopped = ?, output_bytes = ?, suspension = ?, counted = ?, may_run = ?, "
            "away_ms = ?, stop_grace_ms = ?, ground = ?, sealed = ?, asked = ? "
            "WHERE id = ? AND status = ? AND attempt = ?",
            (
                new.status.value,
                new.details,
                new.attempt,
                new.worker,
                new.worker_name,
                new.started,
                new.ended,
                *job_rows.end_values(new.end),
                new.output_bytes,
                job_rows.suspension_value(new),
                new.counted,
                new.may_run,
                new.away_ms,
                new.stop_grace_ms,
                job_rows.ground_text(new.ground),
                new.sealed,
                new.asked,
                old.id,
                old.status.value,
                old.attempt,
            ),
        )
        return changed.rowcount == 1

    def waiting(self, group: GroupId, types: Set[RunbookType], *, limit: int) -> list[Job]:
        found = self._all(
            f"{_JOB} WHERE group_id = ? AND status = 0 AND runbook_type IN (?, ?, ?) "
            "ORDER BY key LIMIT ?",
            group,
            *(type_.value if type_ in types else None for type_ in RunbookType),
            limit,
        )
        return [job_rows.job(row) for row in found]

    def served_by(self, worker: WorkerId) -> list[Job]:
        found = self._all(f"{_JOB} WHERE worker = ? AND {_SERVED} ORDER BY key", worker)
        return [job_rows.job(row) for row in found]

    def waiting_groups(self) -> list[GroupId]:
        found = self._all("SELECT DISTINCT group_id FROM jobs WHERE status = 0")
        return [row["group_id"] for row in found]

    def serving_workers(self) -> list[WorkerId]:
        found = self._all(f"SELECT DISTINCT worker FROM jobs WHERE {_SERVED}")
        return [row["worker"] for row in found]

    def has_jobs(self, *, runbook: str, group: GroupId | None, account: AccountId) -> bool:
        row = self._one(
            f"SELECT 1 FROM jobs WHERE account = ? AND {job_rows.OPEN} "
            "AND (runbook = ? OR group_id = ?) LIMIT 1",
            account,
            runbook,
            group,
        )
        return row is not None

    def children(self, parent: JobId) -> list[Job]:
        found = self._all(f"{_JOB} WHERE parent = ? AND {job_rows.OPEN} ORDER BY key", parent)
        return [job_rows.job(row) for row in found]

    def tests(self, account: AccountId, runbook: str) -> list[Job]:
        found = self._all(
            f"{_JOB} WHERE test = 1 AND account = ? AND runbook = ? AND status <> 12",
            account,
            runbook,
        )
        return [job_rows.job(row) for row in found]

    def removing(self) -> list[Job]:
        return [job_rows.job(row) for row in self._all(f"{_JOB} WHERE status = 12")]

    def delete_job(self, job: JobId) -> None:
        self._write("DELETE FROM asset_reads WHERE job = ?", (job,))
        self._write("DELETE FROM attempts WHERE job = ?", (job,))
        self._write("DELETE FROM jobs WHERE id = ?", (job,))

    def add_attempt(self, attempt: Attempt) -> None:
        self._write(
            "INSERT INTO attempts (job, attempt, worker, worker_name, granted, ended, outcome) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                attempt.job,
                attempt.attempt,
                attempt.worker,
                attempt.worker_name,
                attempt.granted,
                attempt.ended,
                attempt.outcome,
            ),
        )

    def end_attempt(self, job: JobId, attempt: int, *, ended: UnixMs, outcome: str) -> None:
        self._write(
            "UPDATE attempts SET ended = ?, outcome = ? WHERE job = ? AND attempt = ?",
            (ended, outcome, job, attempt),
        )
