"""A host that lost power tells what it still knows, and the server can verify every byte of it."""

import asyncio
import os
import signal
import zlib
from pathlib import Path

import pytest
from tests.support.agent_process import environment, until
from tests.support.power import lose_memory
from tests.support.worker_jobs import Register, Start, connected, grant, text
from tests.support.worker_server import WorkerServer

from farhand_agent.host.ground import root_half, sandbox_root
from farhand_agent.host.recovery import RESTARTED
from farhand_agent.host.sandbox import AttemptId, Sandbox
from farhand_wire import spool


@pytest.fixture
def sandbox(tmp_path: Path, state: Path) -> Sandbox:
    return Sandbox(root=sandbox_root(state, environ=environment(tmp_path)), state=root_half(state))


async def test_where_the_server_holds_more_the_end_lies_behind_that_and_is_verified(
    register: Register, start: Start, server: WorkerServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    await register()
    agent = await start()
    session = await connected(server, agent)
    session.answers = False
    job = grant(f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo two; sleep 600")
    session.send(grant=job)
    await session.next("output")
    overflow = sandbox.overflow(AttemptId(job_id=job.job_id, attempt=1))
    await until(lambda: any(b"one" in path.read_bytes() for path in overflow.glob("spool.*")))
    (tmp_path / "go").touch()
    await until(lambda: text(server, job) == b"one\ntwo\n")
    await agent.stop(signal.SIGKILL)
    await asyncio.to_thread(lose_memory, sandbox)
    (copy,) = overflow.iterdir()
    os.truncate(copy, len(spool.pack(spool.Kind.OUTPUT, 0, b"one\n")))
    await start()
    again = await server.session(2)
    result = await again.next("result")

    assert (result.exit.reason, result.exit.lost) == (RESTARTED, True)
    assert text(server, job) == b"one\ntwo\n"
    held = server.spools[job.job_id, 1]
    assert (result.size, result.crc) == (len(held), zlib.crc32(held))


async def test_where_the_disk_has_a_hole_it_is_said_what_is_gone(
    register: Register, start: Start, server: WorkerServer, sandbox: Sandbox
) -> None:
    await register()
    agent = await start()
    session = await connected(server, agent)
    session.answers = False  # so nothing is freed
    job = grant("head -c 15000000 /dev/zero; sleep 600")
    session.send(grant=job)
    await session.next("output")
    overflow = sandbox.overflow(AttemptId(job_id=job.job_id, attempt=1))
    await until(lambda: len(list(overflow.glob("spool.*"))) == 4)
    await until(lambda: _synced(overflow) > 15_000_000)
    await agent.stop(signal.SIGKILL)
    await asyncio.to_thread(lose_memory, sandbox)
    first, lost, *rest = sorted(overflow.iterdir())
    before, end = first.stat().st_size, _synced(overflow)
    lost.unlink()
    await start()
    again = await server.session(2)
    result = await again.next("result")

    held = server.spools[job.job_id, 1]
    holes = [e for e in spool.entries(bytes(held)) if e.kind is spool.Kind.OMITTED]
    (hole,) = map(spool.read_omitted, (entry.payload for entry in holes))
    assert (hole.start, hole.end) == (before, end)
    assert result.exit.reason == RESTARTED
    assert (result.size, result.crc) == (len(held), zlib.crc32(held))
    assert len(rest) == 2


def _synced(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
