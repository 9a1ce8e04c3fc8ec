"""The commands that look after the data, beside a server that serves."""

import asyncio
import signal
from pathlib import Path

import pytest
from tests.support.load import load
from tests.support.server_process import farhand_server, reach, server_process

from farhand_server.data import DataDirectory
from farhand_server.model.identifiers import AccountId
from farhand_server.store import sqlite
from farhand_wire.v1 import account_pb2, job_pb2


async def run(root: Path, *arguments: str) -> tuple[int, str, str]:
    """A command beside the server: status, stdout, stderr."""
    done = await asyncio.to_thread(farhand_server, root, *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.timeout(300)
async def test_a_backup_under_load_holds_every_job_that_was_accepted_before(
    tmp_path: Path, data: Path
) -> None:
    promised: list[list[str]] = []
    async with server_process(tmp_path, data), load(reach(data, tmp_path), tmp_path) as operator:
        async with operator.going():
            for number in range(2):
                await operator.more(3)
                promised.append(list(operator.accepted))
                file = str(tmp_path / f"backup-{number}.tar")
                status, _, said = await run(tmp_path, "backup", file, "--data", str(data))
                assert status == 0, said
                assert "as secret as the server" in said
        await operator.settle()
    for number, jobs in enumerate(promised):
        restored = tmp_path / f"restored-{number}"
        file = str(tmp_path / f"backup-{number}.tar")
        status, _, said = await run(tmp_path, "restore", file, "--data", str(restored))
        assert status == 0, said
        assert "farhand account release" in said
        status, told, _ = await run(tmp_path, "check", "--data", str(restored))
        assert status == 0, told
        async with (
            server_process(tmp_path, restored),
            reach(restored, tmp_path).caller() as caller,
        ):
            for job_id in jobs:
                request = job_pb2.GetJobRequest(job_id=job_id)
                assert (await caller.ask(caller.jobs.GetJob, request)).job.job_id == job_id


async def test_check_and_doctor_look_at_a_server_that_serves(tmp_path: Path, data: Path) -> None:
    async with server_process(tmp_path, data) as server:
        status, told, _ = await run(tmp_path, "check", "--data", str(data))
        assert status == 0, told
        endpoint = f"localhost:{reach(data, tmp_path).port}"
        status, told, _ = await run(tmp_path, "doctor", "--data", str(data), "--endpoint", endpoint)

        assert status == 0, told
        assert f"process {server.process.pid} answers on localhost" in told
        assert "TLSv1.3" in told


async def test_a_backup_of_a_server_that_was_killed_holds_its_last_commit(
    tmp_path: Path, data: Path
) -> None:
    async with server_process(tmp_path, data) as server, reach(data, tmp_path).caller() as caller:
        request = account_pb2.CreateRegistrationTokenRequest(group="demo")
        await caller.ask(caller.account.CreateRegistrationToken, request)
        await server.stop(signal.SIGKILL)
    file = str(tmp_path / "backup.tar")
    status, _, said = await run(tmp_path, "backup", file, "--data", str(data))
    assert status == 0, said
    restored = DataDirectory(tmp_path / "restored")
    status, _, said = await run(tmp_path, "restore", file, "--data", str(restored.path))
    assert status == 0, said
    queries = sqlite.SqliteQueries(restored.state, restored.output)
    (token,) = queries.registration_tokens(AccountId(1), size=9, after="").rows

    assert token.group_name == "demo"
