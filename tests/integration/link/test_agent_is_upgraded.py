"""The package is replaced under an agent that serves: its jobs and its spares do not notice."""

import shutil
from pathlib import Path

import pytest
from tests.support.agent_process import environment
from tests.support.worker_jobs import Register, Start, connected, grant, text
from tests.support.worker_server import ServerSession, WorkerServer

import farhand_agent
import farhand_wire
from farhand_agent.host.ground import root_half, sandbox_root
from farhand_agent.host.home import Home
from farhand_agent.host.sandbox import AttemptId, Sandbox
from farhand_wire.v1 import runbook_pb2, worker_pb2


def install(folder: Path) -> Path:
    """A copy of the agent as a package would lay it down; its version is the folder's name."""
    for package in (farhand_agent, farhand_wire):
        source = Path(package.__path__[0])
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "farhand_wire" / "__init__.py").open("a") as file:
        file.write(f'\n__version__ = "{folder.name}"\n')
    return folder


def version(session: ServerSession) -> str:
    """Of the agent that said Hello."""
    assert session.hello is not None

    return session.hello.facts.agent_version


@pytest.fixture
def sandbox(tmp_path: Path, state: Path) -> Sandbox:
    return Sandbox(root=sandbox_root(state, environ=environment(tmp_path)), state=root_half(state))


async def test_a_package_is_upgraded_under_a_running_job(
    register: Register, start: Start, server: WorkerServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    await register()
    old, new = install(tmp_path / "old"), install(tmp_path / "new")
    first = await start(PYTHONPATH=str(old))
    session = await connected(server, first)
    assert version(session) == "old"
    job = grant(f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo two; exit 4")
    session.send(grant=job)
    await session.next("output")
    home = sandbox.attempt_path(AttemptId(job_id=job.job_id, attempt=1))
    runner = Home.runner(home)
    shutil.rmtree(old)

    # What is there already serves on, as if nothing had happened.
    later = [grant(f"echo {n}") for n in range(5)]
    python = grant("print('py')", runbook_type=runbook_pb2.RUNBOOK_TYPE_PYTHON)
    for each in (*later, python):
        session.send(grant=each)
    codes = [(await session.next("result")).exit.code for _ in range(6)]
    assert codes == [0] * 6
    assert [text(server, each) for each in later] == [f"{n}\n".encode() for n in range(5)]
    stopped = grant("trap '' TERM; echo up; setsid sleep 600 & sleep 600")
    session.send(grant=stopped)
    while not text(server, stopped):
        await session.next("output")
    session.send(stop=worker_pb2.Stop(job_id=stopped.job_id, attempt=1, grace_ms=100))
    assert (await session.next("result")).exit.stopped

    assert await first.stop() == 0
    await start(PYTHONPATH=str(new))
    again = await server.session(2)
    assert version(again) == "new" and again.hello is not None
    assert [entry.job_id for entry in again.hello.journal] == [job.job_id]
    assert Home.runner(home) == runner
    (tmp_path / "go").touch()
    result = await again.next("result")

    assert result.exit.code == 4
    assert text(server, job) == b"one\ntwo\n"
