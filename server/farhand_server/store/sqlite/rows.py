"""Between rows and values."""

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from farhand_server.model.account import Account, AccountKey, KeySlot, RegistrationToken
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.job import Attempt, End, Job, JobStatus, Suspension
from farhand_server.model.output import Chunk, Extent
from farhand_server.model.runbook import Delivery, Runbook, RunbookType, RunbookVersion
from farhand_server.model.worker import Facts, Ground, Group, Party, Standing, Worker

Row = sqlite3.Row

#: Kept apart from the Job's fields, in this order.
JOB_COLUMNS = (
    "id, account, runbook, runbook_version, runbook_type, digest, runbook_size, group_id, "
    "group_name, status, details, attempt, worker, worker_name, parameters, arguments, "
    "started_by, created, started, ended, exit_code, exit_signal, exit_reason, exit_stopped, "
    "output_bytes, delivery, lost_after, timeout, suspension, counted, may_run, away_ms, "
    "stop_grace_ms, ground, reserved, sealed, log_verbose, log_progress"
)
#: Jobs that are not over; numbers are those of JobStatus.
OPEN = "status NOT IN (3, 4, 5, 12)"
#: Without `durable`: only a sync may say that.
EXTENT_COLUMNS = (
    *("size", "crc", "lines", "payload", "opened", "omitted_from", "omitted_to", "mismatch"),
)
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


def runbook(row: Row) -> Runbook:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    delivery = _DELIVERIES.get(row["delivery"])
    parsed = {
        "type": _TYPES[row["type"]],
        "delivery": delivery,
        "tags": json.loads(row["tags"]),
        "log_verbose": bool(row["log_verbose"]),
        "log_progress": bool(row["log_progress"]),
    }
    return Runbook(**{**fields, **parsed})


def version(row: Row) -> RunbookVersion:
    return RunbookVersion(
        version=row["version"],
        digest=row["digest"],
        size=row["size"],
        published=row["published"],
        published_by=row["published_by"],
    )


def asset(row: Row) -> Asset:
    return Asset(
        account=row["account"],
        kind=AssetKind(row["kind"]),
        name=row["name"],
        description=row["description"],
        encrypted=bool(row["encrypted"]),
        values=json.loads(row["content"]),
        sealed=row["sealed"],
        secrets=tuple(json.loads(row["secrets"])),
        version=row["version"],
        created=row["created"],
        modified=row["modified"],
    )


def asset_values(asset: Asset) -> dict[str, Any]:
    return {
        "account": asset.account,
        "kind": asset.kind.value,
        "name": asset.name,
        "description": asset.description,
        "encrypted": asset.encrypted,
        "content": json.dumps(dict(asset.values)),
        "sealed": asset.sealed,
        "secrets": json.dumps(asset.secrets),
        "version": asset.version,
        "created": asset.created,
        "modified": asset.modified,
    }


def account(row: Row) -> Account:
    return Account(id=row["id"], name=row["name"], delivery=_DELIVERIES[row["delivery"]])


def group(row: Row) -> Group:
    return Group(id=row["id"], account=row["account"], name=row["name"], created=row["created"])


#: With the group's name.
WORKER_SELECT = (
    "SELECT workers.*, groups.name AS group_name FROM workers "
    "JOIN groups ON groups.id = workers.group_id"
)


def worker(row: Row) -> Worker:
    return Worker(
        id=row["id"],
        account=row["account"],
        group=row["group_id"],
        group_name=row["group_name"],
        name=row["name"],
        public_key=row["public_key"],
        joined_with=row["joined_with"],
        facts=_facts(row["facts"]),
        registered=row["registered"],
        confirmed_number=row["confirmed_number"],
        issued_number=row["issued_number"],
        generation=row["generation"],
        instance=row["instance"],
        instance_since=row["instance_since"],
        parties=_parties(row["parties"]),
        journal_id=row["journal_id"],
        boot_id=row["boot_id"],
        slots=row["slots"],
        address=row["address"],
        last_seen=row["last_seen"],
    )


def worker_values(value: Worker) -> dict[str, Any]:
    return {
        "id": value.id,
        "account": value.account,
        "group_id": value.group,
        "name": value.name,
        "public_key": value.public_key,
        "joined_with": value.joined_with,
        "facts": _facts_text(value.facts),
        "registered": value.registered,
        "confirmed_number": value.confirmed_number,
        "issued_number": value.issued_number,
        "generation": value.generation,
        "instance": value.instance,
        "instance_since": value.instance_since,
        "parties": _parties_text(value.parties),
        "journal_id": value.journal_id,
        "boot_id": value.boot_id,
        "slots": value.slots,
        "address": value.address,
        "last_seen": value.last_seen,
    }


def _facts(text: str) -> Facts:
    fields = json.loads(text)
    types = tuple(_TYPES[name] for name in fields.pop("runbook_types"))
    return Facts(**fields, runbook_types=types)


def _facts_text(facts: Facts) -> str:
    return json.dumps(
        {
            "host_name": facts.host_name,
            "machine_id": facts.machine_id,
            "os": facts.os,
            "architecture": facts.architecture,
            "agent_version": facts.agent_version,
            "runbook_types": [type_.value for type_ in facts.runbook_types],
        }
    )


def _parties(text: str) -> tuple[Party, ...]:
    found = json.loads(text)
    return tuple(Party(**{**fields, "standing": Standing(fields["standing"])}) for fields in found)


def _parties_text(parties: tuple[Party, ...]) -> str:
    values = [{**asdict(party), "standing": party.standing} for party in parties]
    return json.dumps(values, default=lambda standing: standing.value)


def registration_token(row: Row) -> RegistrationToken:
    return RegistrationToken(
        id=row["id"],
        account=row["account"],
        group_name=row["group_name"],
        hash=row["hash"],
        created=row["created"],
        expires=row["expires"],
        uses=row["uses"],
        uses_left=row["uses_left"],
        cidrs=tuple(json.loads(row["cidrs"])),
        revoked=bool(row["revoked"]),
    )


def registration_token_values(value: RegistrationToken) -> dict[str, Any]:
    return {
        "id": value.id,
        "account": value.account,
        "group_name": value.group_name,
        "hash": value.hash,
        "created": value.created,
        "expires": value.expires,
        "uses": value.uses,
        "uses_left": value.uses_left,
        "cidrs": json.dumps(value.cidrs),
        "revoked": int(value.revoked),
    }


def account_key(row: Row) -> AccountKey:
    return AccountKey(
        account=row["account"],
        slot=KeySlot(row["slot"]),
        hash=row["hash"],
        sealed=row["sealed"],
    )


def extent(row: Row | None) -> Extent:
    if row is None:
        return Extent()
    return Extent(
        stored=row["size"],
        durable=row["durable"],
        crc=row["crc"],
        lines=row["lines"],
        payload=row["payload"],
        opened=row["opened"],
        omitted_from=row["omitted_from"],
        omitted_to=row["omitted_to"],
        mismatch=row["mismatch"],
    )


def extent_values(value: Extent) -> tuple[int | str | None, ...]:
    """In the order of EXTENT_COLUMNS."""
    return (
        value.stored,
        value.crc,
        value.lines,
        value.payload,
        value.opened,
        value.omitted_from,
        value.omitted_to,
        value.mismatch,
    )


def chunk(row: Row) -> Chunk:
    return Chunk(offset=row["offset"], lines_before=row["lines_before"], data=row["data"])
