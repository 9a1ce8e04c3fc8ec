"""The command: init once, run once, end in order."""

import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from tests.support.edge import Caller, Worker
from tests.support.server_process import farhand_server, free_port, reach, server_process

from farhand_wire.v1 import account_pb2, job_pb2, runbook_pb2


def handshake(port: int, context: ssl.SSLContext) -> str | None:
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("localhost", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.version()


async def joined(owner: Caller, worker: Worker) -> Worker:
    request = account_pb2.CreateRegistrationTokenRequest(group="demo")
    token = (await owner.ask(owner.account.CreateRegistrationToken, request)).token
    await worker.join(token, "demo", "w1")
    return worker


async def publish(owner: Caller) -> None:
    await owner.ask(
        owner.runbooks.ImportRunbook,
        runbook_pb2.ImportRunbookRequest(
            name="hello", type="RUNBOOK_TYPE_BASH", content=b"echo hi\n", publish=True
        ),
    )


def test_init_prints_the_token_once_and_writes_the_context(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = farhand_server(tmp_path, "init", "--data", str(data), "--host", "ctl.example.net")
    config = tmp_path / "config.toml"
    context = tomllib.loads(config.read_text())

    token = re.fullmatch(r"owner token: (fh_[\w-]{43})\n", done.stdout)
    assert token is not None
    assert context["current"] == "default"
    assert context["contexts"]["default"] == {
        "server": "localhost:8443",
        "ca": str(data / "ca.pem"),
        "token": token[1],
    }
    assert token[1] not in done.stderr
    assert tomllib.loads((data / "server.toml").read_text())["endpoint"] == "ctl.example.net:8443"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    files = [config, *data.iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_init_on_something_is_refused_and_changes_nothing(tmp_path: Path, data: Path) -> None:
    before = (data / "ca.pem").read_bytes()
    again = farhand_server(tmp_path, "init", "--data", str(data))
    other = tmp_path / "other"
    other.mkdir()
    (other / "thing").touch()
    full = farhand_server(tmp_path, "init", "--data", str(other))

    assert (again.returncode, full.returncode) == (1, 1)
    assert "holds a server already" in again.stderr
    assert "do:  start it with: farhand-server run" in again.stderr
    assert "is not empty (thing)" in full.stderr
    assert (data / "ca.pem").read_bytes() == before


def test_run_without_init_says_how_to_begin(tmp_path: Path) -> None:
    done = farhand_server(tmp_path, "run", "--data", str(tmp_path / "none"))

    assert done.returncode == 1
    assert "farhand-server init --data" in done.stderr


@pytest.mark.parametrize("name", ["master.key", "server.key", "ca.key"])
def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path, data: Path, name: str) -> None:
    (data / name).chmod(0o640)

    done = farhand_server(tmp_path, "run", "--data", str(data))

    assert done.returncode == 1
    assert f"{name} can be read by others (mode 0640)" in done.stderr
    assert "chmod 600" in done.stderr


async def test_two_servers_one_database(tmp_path: Path, data: Path) -> None:
    """The second one is refused and names the first, which does not notice. When the first was
    killed, the next one starts at once."""
    async with server_process(tmp_path, data) as first:
        listen = f"localhost:{free_port()}"
        for command in (("run", "--listen", listen), ("migrate",)):
            second = farhand_server(tmp_path, *command, "--data", str(data))

            assert second.returncode == 1
            assert f"another server (process {first.process.pid})" in second.stderr
            assert "do:  stop it first" in second.stderr
        async with reach(data, tmp_path).caller() as caller:
            await caller.ask(caller.account.GetAccount, account_pb2.GetAccountRequest())
        await first.stop(signal.SIGKILL)
    async with server_process(tmp_path, data), reach(data, tmp_path).caller() as caller:
        await caller.ask(caller.account.GetAccount, account_pb2.GetAccountRequest())


async def test_a_taken_port_is_named(tmp_path: Path, data: Path) -> None:
    other = tmp_path / "other"
    farhand_server(tmp_path / "home", "init", "--data", str(other))
    async with server_process(tmp_path, data):
        listen = f"localhost:{reach(data, tmp_path).port}"
        second = farhand_server(tmp_path, "run", "--data", str(other), "--listen", listen)

    assert second.returncode == 1
    assert f"{listen} cannot be listened on: the port is taken" in second.stderr
    assert "--listen" in second.stderr


async def test_sigterm_tells_workers_to_come_back_and_exits_cleanly(
    tmp_path: Path, data: Path
) -> None:
    async with server_process(tmp_path, data) as server:
        edge = reach(data, tmp_path)
        async with edge.caller() as owner, edge.channel() as channel:
            worker = await joined(owner, Worker(channel))
            await worker.serve()
            status = await server.stop()
            drain = await worker.until("drain")

            assert await worker.next() is None
            assert await worker.call.code() == grpc.StatusCode.OK
    assert status == 0
    assert drain.retry_after_ms == 500


async def test_what_was_answered_survives_kill_9(tmp_path: Path, data: Path) -> None:
    edge = reach(data, tmp_path)
    async with server_process(tmp_path, data) as server, edge.caller() as owner:
        worker = await joined(owner, Worker(owner.channel))
        await publish(owner)
        request = job_pb2.StartJobRequest(runbook="hello", run_on="demo")
        job = (await owner.ask(owner.jobs.StartJob, request)).job
        await server.stop(signal.SIGKILL)
    async with server_process(tmp_path, data), edge.caller() as owner, edge.channel() as channel:
        again = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=job.job_id))
        back = worker.on(channel)
        await back.serve()
        given = await back.next()

        assert again.job == job
        assert given is not None
        assert job.job_id in (given.offer.job_id, given.grant.job_id)


async def test_two_signals_end_it_at_once(tmp_path: Path, data: Path) -> None:
    edge = reach(data, tmp_path)
    async with server_process(tmp_path, data) as server, edge.caller() as owner:
        await joined(owner, Worker(owner.channel))
        await publish(owner)
        request = job_pb2.StartJobRequest(runbook="hello", run_on="demo")
        job = (await owner.ask(owner.jobs.StartJob, request)).job
        follow = owner.stream(
            owner.jobs.FollowJobOutput, job_pb2.FollowJobOutputRequest(job_id=job.job_id)
        )
        await anext(follow)  # what is followed gets a second to end
        server.process.send_signal(signal.SIGTERM)
        await server.event("draining")
        status = await server.stop(signal.SIGTERM)

    assert status == 1


def test_a_server_that_lost_a_thread_ends() -> None:
    program = (
        "import threading\n"
        "from farhand_server import app, logs\n"
        "logs.configure(form='json', level='info')\n"
        "threading.excepthook = app._die\n"
        "threading.Thread(target=lambda: 1 / 0, name='farhand-output').start()\n"
        "threading.Event().wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )

    assert done.returncode == 1
    assert '"thread": "farhand-output"' in done.stderr


async def test_health_says_that_it_goes(tmp_path: Path, data: Path) -> None:
    edge = reach(data, tmp_path)
    async with server_process(tmp_path, data) as server, edge.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        seen = [(await watch.read()).status]
        server.process.send_signal(signal.SIGTERM)
        seen.append((await watch.read()).status)

    states = health_pb2.HealthCheckResponse
    assert seen == [states.SERVING, states.NOT_SERVING]


async def test_the_server_speaks_tls_1_3_only(tmp_path: Path, data: Path) -> None:
    async with server_process(tmp_path, data):
        port = reach(data, tmp_path).port
        old = ssl.create_default_context(cafile=str(data / "ca.pem"))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(OSError):
            handshake(port, old)
        new = ssl.create_default_context(cafile=str(data / "ca.pem"))

        assert handshake(port, new) == "TLSv1.3"


async def test_secrets_never_reach_the_log(tmp_path: Path, data: Path) -> None:
    edge = reach(data, tmp_path)
    async with server_process(tmp_path, data) as server:
        async with edge.caller() as owner, edge.caller("fh_wrong-secret") as stranger:
            request = account_pb2.CreateRegistrationTokenRequest(group="demo")
            made = await owner.ask(owner.account.CreateRegistrationToken, request)
            with pytest.raises(aio.AioRpcError):
                await stranger.ask(stranger.account.GetAccount, account_pb2.GetAccountRequest())
        await server.stop()
        with pytest.raises(RuntimeError) as ended:
            await server.event("never")

    log = str(ended.value)
    assert "refused" in log
    for secret in (edge.token, made.token, "wrong-secret"):
        assert secret not in log
