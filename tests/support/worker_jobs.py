"""Jobs that a test's server grants to an agent, and what there is to see of them."""

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.agent_process import Outcome, RunningAgent
from tests.support.worker_server import ServerSession, WorkerServer

from farhand_wire import spool
from farhand_wire.v1 import runbook_pb2, worker_pb2

Register = Callable[..., Awaitable[Outcome]]
Start = Callable[..., Awaitable[RunningAgent]]


def grant(script: str, job_id: str = "", **changes: Any) -> worker_pb2.Grant:
    """A Grant as it comes without an offer."""
    data = script.encode()
    fields: dict[str, Any] = {
        "job_id": job_id or str(uuid.uuid4()),
        "attempt": 1,
        "runbook": "test",
        "runbook_version": 1,
        "runbook_type": runbook_pb2.RUNBOOK_TYPE_BASH,
        "runbook_digest": hashlib.sha256(data).hexdigest(),
        "script": data,
        "parameters_json": "{}",
        "group": "dc1",
        "stop_grace_ms": 1000,
    }
    return worker_pb2.Grant(**(fields | changes))


def text(server: WorkerServer, job: worker_pb2.Grant) -> bytes:
    """What the job wrote to its standard output, as far as the server has it."""
    entries = spool.entries(bytes(server.spools[job.job_id, job.attempt]))
    return b"".join(bytes(e.payload) for e in entries if e.kind is spool.Kind.OUTPUT)


async def connected(server: WorkerServer, agent: RunningAgent, number: int = 1) -> ServerSession:
    session = await server.session(number)
    if number == 1:
        assert await agent.line() == "connected"
    await session.next("heartbeat")
    return session


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def maps(pid: int) -> bytes:
    return Path(f"/proc/{pid}/maps").read_bytes()
