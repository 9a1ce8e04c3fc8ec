"""Values of the model with everything filled in; a test names only what it is about."""

import hashlib
from typing import Any

from farhand_server.model.account import AccountKey, KeySlot, Principal, RegistrationToken
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, JobId, RunbookId, WorkerId
from farhand_server.model.job import Attempt, Job, JobStatus
from farhand_server.model.runbook import Runbook, RunbookType
from farhand_server.model.worker import Facts, Ground, Group, Interpreter, Worker

ACCOUNT = AccountId(1)
OPERATOR = Principal(account=ACCOUNT, account_name="default", name="owner")
STRANGER = Principal(account=AccountId(2), account_name="other", name="somebody")
SCRIPT = b"echo hi\n"
FACTS = Facts(
    host_name="web01.example",
    machine_id="m-1",
    os="Debian 13",
    architecture="x86_64",
    agent_version="0.1.0",
    runbook_types=(RunbookType.BASH, RunbookType.PYTHON),
    interpreters=(Interpreter(type=RunbookType.BASH, path="/bin/bash", version="5.2.15"),),
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def job_id(number: int) -> JobId:
    return JobId(f"{number:08x}-0000-7000-8000-000000000000")


def worker_id(number: int) -> WorkerId:
    return WorkerId(f"{number:08x}-0000-4000-8000-000000000000")


def job(number: int = 1, **fields: Any) -> Job:
    values: dict[str, Any] = {
        "id": job_id(number),
        "account": ACCOUNT,
        "runbook": "hello",
        "runbook_version": 3,
        "runbook_type": RunbookType.BASH,
        "digest": sha256(SCRIPT),
        "runbook_size": len(SCRIPT),
        "group": GroupId(1),
        "group_name": "dc1",
        "status": JobStatus.NEW,
        "parameters": '{"name": "Grüße"}',
        "arguments": ("Grüße", "2"),
        "started_by": "owner",
        "created": UnixMs(1_700_000_000_123),
    }
    return Job(**{**values, **fields})


def attempt(number: int = 1, **fields: Any) -> Attempt:
    values: dict[str, Any] = {
        "job": job_id(number),
        "attempt": 1,
        "worker": worker_id(1),
        "worker_name": "web01",
        "granted": UnixMs(1_700_000_000_200),
    }
    return Attempt(**{**values, **fields})


def runbook(name: str = "hello", **fields: Any) -> Runbook:
    values: dict[str, Any] = {
        "id": RunbookId(0),
        "account": ACCOUNT,
        "name": name,
        "type": RunbookType.BASH,
        "description": "says hi",
        "draft_digest": sha256(SCRIPT),
        "created": UnixMs(1_700_000_000_000),
        "modified": UnixMs(1_700_000_000_000),
    }
    return Runbook(**{**values, **fields})


GROUND = Ground(journal_id="j-1", boot_id="b-1", machine_id="m-1")


def worker(number: int = 1, *, group: Group, **fields: Any) -> Worker:
    values: dict[str, Any] = {
        "id": worker_id(number),
        "account": group.account,
        "group": group.id,
        "group_name": group.name,
        "name": f"web{number:02}",
        "public_key": b"key %d" % number,
        "joined_with": "t" * 64,
        "facts": FACTS,
        "registered": UnixMs(1_700_000_000_000),
        "confirmed_number": 4,
        "issued_number": 5,
        "journal_id": "journal",
        "boot_id": "boot",
        "slots": 10,
        "address": "192.0.2.7",
        "last_seen": UnixMs(1_700_000_000_900),
    }
    return Worker(**{**values, **fields})


def token(number: int = 1, **fields: Any) -> RegistrationToken:
    values: dict[str, Any] = {
        "id": f"{number:08x}",
        "account": ACCOUNT,
        "group_name": "dc1",
        "hash": sha256(b"token %d" % number),
        "created": UnixMs(1_700_000_000_000),
        "expires": UnixMs(1_700_003_600_000),
        "uses": 2,
        "uses_left": 2,
        "cidrs": ("192.0.2.0/24",),
    }
    return RegistrationToken(**{**values, **fields})


def key(slot: KeySlot = KeySlot.PRIMARY, **fields: Any) -> AccountKey:
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "slot": slot,
        "hash": sha256(slot.value.encode()),
        "sealed": b"sealed " + slot.value.encode(),
    }
    return AccountKey(**{**values, **fields})
