"""Between rows and values."""

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from farhand_server.model.account import Account, AccountKey, KeySlot, RegistrationToken
from farhand_server.model.ask import AssetRead
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.output import Chunk, Extent
from farhand_server.model.runbook import Delivery, Runbook, RunbookType, RunbookVersion
from farhand_server.model.worker import Facts, Group, Interpreter, Party, Standing, Worker

Row = sqlite3.Row

#: Without `durable`: only a sync may say that.
EXTENT_COLUMNS = (
    *("size", "crc", "lines", "records", "payload", "opened"),
    *("omitted_from", "omitted_to", "mismatch"),
)
CHUNK_COLUMNS = "offset, lines_before, data, records_before"
_TYPES = {type_.value: type_ for type_ in RunbookType}
_DELIVERIES = {delivery.value: delivery for delivery in Delivery}


def runbook(row: Row) -> Runbook:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    delivery = _DELIVERIES.get(row["delivery"])
    parsed = {
        "type": _TYPES[row["type"]],
        "delivery": delivery,
        "tags": json.loads(row["tags"]),
        "log_verbose": bool(row["log_verbose"]),
        "log_progress": bool(row["log_progress"]),
        "grants": None if row["grants"] is None else tuple(json.loads(row["grants"])),
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


def asset_read(row: Row) -> AssetRead:
    return AssetRead(
        job=row["job"],
        attempt=row["attempt"],
        kind=AssetKind(row["kind"]),
        name=row["name"],
        version=row["version"],
        written=bool(row["written"]),
        at=row["at"],
    )


def account(row: Row) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        delivery=_DELIVERIES[row["delivery"]],
        grants_listed_only=bool(row["grants_listed_only"]),
    )


def group(row: Row) -> Group:
    return Group(
        id=row["id"],
        account=row["account"],
        name=row["name"],
        run_as=row["run_as"],
        created=row["created"],
    )


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
    interpreters = tuple(
        Interpreter(**{**each, "type": _TYPES[each["type"]]})
        for each in fields.pop("interpreters", ())
    )
    return Facts(**fields, runbook_types=types, interpreters=interpreters)


def _facts_text(facts: Facts) -> str:
    return json.dumps(
        {
            "host_name": facts.host_name,
            "machine_id": facts.machine_id,
            "os": facts.os,
            "architecture": facts.architecture,
            "agent_version": facts.agent_version,
            "runbook_types": [type_.value for type_ in facts.runbook_types],
            "interpreters": [
                {"type": each.type.value, "path": each.path, "version": each.version}
                for each in facts.interpreters
            ],
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
        records=row["records"],
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
        value.records,
        value.payload,
        value.opened,
        value.omitted_from,
        value.omitted_to,
        value.mismatch,
    )


def chunk_values(value: Chunk) -> tuple[int | bytes | None, ...]:
    """In the order of CHUNK_COLUMNS."""
    return (value.offset, value.lines_before, value.data, value.records_before)


def chunk(row: Row) -> Chunk:
    return Chunk(
        offset=row["offset"],
        lines_before=row["lines_before"],
        records_before=row["records_before"],
        data=row["data"],
    )
