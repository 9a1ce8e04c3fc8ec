"""How a worker leaves, shows who it is, and is looked at."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
from tests.support.agent_process import Outcome, command
from tests.support.worker_server import Refusal, WorkerServer

from farhand_wire.v1 import worker_pb2

Register = Callable[..., Awaitable[Outcome]]


def kept(state: Path) -> list[str]:
    return [path.name for path in state.iterdir()]


async def test_remove_leaves_the_group_and_forgets_the_identity(
    register: Register, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    outcome = await command(tmp_path, "remove", "--state", str(state))

    assert outcome.status == 0, outcome.stderr
    assert server.left == [worker_pb2.Leave(force=False)]
    assert kept(state) == []
    assert (await register()).status == 0


async def test_remove_works_when_the_server_has_forgotten_the_worker(
    register: Register, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    server.workers.clear()
    outcome = await command(tmp_path, "remove", "--state", str(state))

    assert outcome.status == 0, outcome.stderr
    assert kept(state) == []


async def test_remove_says_how_to_forget_when_nobody_answers(
    register: Register, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    await server.__aexit__()
    refused = await command(tmp_path, "remove", "--state", str(state))
    before = kept(state)
    local = await command(tmp_path, "remove", "--state", str(state), "--local")

    assert refused.status == 1
    assert "farhand-agent remove --local" in refused.stderr
    assert "identity.json" in before
    assert local.status == 0
    assert kept(state) == []


async def test_remove_is_refused_while_jobs_run(
    register: Register, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    server.leave_refusal = Refusal(
        grpc.StatusCode.FAILED_PRECONDITION, "IN_USE", "the worker still runs 1 job(s)"
    )
    refused = await command(tmp_path, "remove", "--state", str(state))
    before = kept(state)
    forced = await command(tmp_path, "remove", "--state", str(state), "--force")

    assert refused.status == 1
    assert "the worker still runs 1 job(s)" in refused.stderr
    assert "identity.json" in before
    assert forced.status == 0
    assert server.left[-1] == worker_pb2.Leave(force=True)


async def test_a_machine_that_is_not_registered_says_so(tmp_path: Path, state: Path) -> None:
    for name in ("remove", "session", "status", "run"):
        outcome = await command(tmp_path, name, "--state", str(state))

        assert outcome.status == 1
        assert "error: this machine is not registered" in outcome.stderr


async def test_session_prints_a_token_for_a_hello_typed_by_hand(
    register: Register, state: Path, tmp_path: Path
) -> None:
    await register()
    token = await command(tmp_path, "session", "--state", str(state))
    hello = await command(tmp_path, "session", "--state", str(state), "--hello")

    assert token.stdout == "fhs_probe\n"
    assert json.loads(hello.stdout) == {
        "frames": [{"hello": {"workerId": "worker-1", "probe": True, "sessionToken": "fhs_probe"}}]
    }


async def test_status_says_who_this_worker_is(
    register: Register, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    outcome = await command(tmp_path, "status", "--state", str(state))

    shown = dict(line.split(maxsplit=1) for line in outcome.stdout.splitlines())
    assert (shown["worker"], shown["group"]) == ("app01", "dc1")
    assert shown["endpoint"] == server.endpoint


async def test_doctor_finds_what_works(register: Register, state: Path, tmp_path: Path) -> None:
    await register()
    outcome = await command(tmp_path, "doctor", "--state", str(state))

    assert outcome.status == 0, outcome.stdout
    assert "knows this worker and its key" in outcome.stdout


async def test_doctor_finds_what_does_not(
    register: Register, server: WorkerServer, state: Path, tmp_path: Path
) -> None:
    await register()
    server.workers.clear()
    outcome = await command(tmp_path, "doctor", "--state", str(state))

    assert outcome.status == 1
    assert outcome.stdout.splitlines()[-1].startswith("x   server")
