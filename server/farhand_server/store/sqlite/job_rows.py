"""Rows of jobs and their attempts, and the values they stand for."""

import json
import sqlite3
from typing import Any

from farhand_server.model.job import Attempt, End, Job, JobStatus, Suspension
from farhand_server.model.runbook import Delivery, RunbookType
from farhand_server.model.worker import Ground

Row = sqlite3.Row

#: Kept apart from the Job's fields, in this order.
JOB_COLUMNS = (
    "id, account, runbook, runbook_version, runbook_type, digest, runbook_size, group_id, "
    "group_name, status, details, attempt, worker, worker_name, parameters, arguments, "
    "started_by, created, started, ended, exit_code, exit_signal, exit_reason, exit_stopped, "
    "output_bytes, delivery, lost_after, timeout, suspension, counted, may_run, away_ms, "
    "stop_grace_ms, ground, reserved, sealed, log_verbose, log_progress, "
    "parent, depth, stop_with_parent, asked, run_as, test"
)
#: Jobs that are not over; numbers are those of JobStatus.
OPEN = "status NOT IN (3, 4, 5, 12)"
_STATUSES = {status.value: status for status in JobStatus}
_TYPES = {type_.value: type_ for type_ in RunbookType}
_DELIVERIES = {delivery.value: delivery for delivery in Delivery}
_SUSPENSIONS = {suspension.value: suspension for suspension in Suspension}


def job(row: Row) -> Job:
    return Job(
        id=row["id"],
        account=row["account"],
        runbook=row["runbook"],
        runbook_version=row["runbook_version"],
        runbook_type=_TYPES[row["runbook_type"]],
        digest=row["digest"],
        runbook_size=row["runbook_size"],
        group=row["group_id"],
        group_name=row["group_name"],
        status=_STATUSES[row["status"]],
        details=row["details"],
        attempt=row["attempt"],
        reserved=row["reserved"],
        worker=row["worker"],
        worker_name=row["worker_name"],
        parameters=row["parameters"],
        arguments=tuple(json.loads(row["arguments"])),
        started_by=row["started_by"],
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
        end=_end(row),
        output_bytes=row["output_bytes"],
        delivery=_DELIVERIES[row["delivery"]],
        lost_after=row["lost_after"],
        timeout=row["timeout"],
        suspension=_SUSPENSIONS.get(row["suspension"]),
        counted=row["counted"],
        may_run=bool(row["may_run"]),
        away_ms=row["away_ms"],
        stop_grace_ms=row["stop_grace_ms"],
        ground=_ground(row["ground"]),
        sealed=row["sealed"],
        log_verbose=bool(row["log_verbose"]),
        log_progress=bool(row["log_progress"]),
        parent=row["parent"],
        depth=row["depth"],
        stop_with_parent=bool(row["stop_with_parent"]),
        asked=row["asked"],
        run_as=row["run_as"],
        test=bool(row["test"]),
    )


def _end(row: Row) -> End | None:
    if row["exit_stopped"] is None:
        return None
    return End(
        code=row["exit_code"],
        signal=row["exit_signal"],
        reason=row["exit_reason"],
        stopped=bool(row["exit_stopped"]),
    )


def job_values(value: Job) -> tuple[Any, ...]:
    """In the order of JOB_COLUMNS."""
    return (
        value.id,
        value.account,
        value.runbook,
        value.runbook_version,
        value.runbook_type.value,
        value.digest,
        value.runbook_size,
        value.group,
        value.group_name,
        value.status.value,
        value.details,
        value.attempt,
        value.worker,
        value.worker_name,
        value.parameters,
        json.dumps(value.arguments),
        value.started_by,
        value.created,
        value.started,
        value.ended,
        *end_values(value.end),
        value.output_bytes,
        value.delivery.value,
        value.lost_after,
        value.timeout,
        suspension_value(value),
        value.counted,
        value.may_run,
        value.away_ms,
        value.stop_grace_ms,
        ground_text(value.ground),
        value.reserved,
        value.sealed,
        value.log_verbose,
        value.log_progress,
        value.parent,
        value.depth,
        value.stop_with_parent,
        value.asked,
        value.run_as,
        value.test,
    )


def ground_text(ground: Ground) -> str:
    return json.dumps([ground.journal_id, ground.boot_id, ground.machine_id])


def _ground(text: str) -> Ground:
    journal_id, boot_id, machine_id = json.loads(text)
    return Ground(journal_id=journal_id, boot_id=boot_id, machine_id=machine_id)


def suspension_value(value: Job) -> str:
    return value.suspension.value if value.suspension else ""


def end_values(end: End | None) -> tuple[Any, ...]:
    if end is None:
        return (None, None, None, None)
    return (end.code, end.signal, end.reason, int(end.stopped))


def attempt(row: Row) -> Attempt:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    return Attempt(**fields)
