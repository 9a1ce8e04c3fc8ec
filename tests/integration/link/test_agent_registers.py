"""How a machine becomes a worker, and what it says when it cannot."""

import hashlib
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.agent_process import Outcome, command
from tests.support.authority import Authority, authority
from tests.support.connect_proxy import ConnectProxy
from tests.support.worker_server import Refusal, WorkerServer

from farhand_wire.v1 import worker_pb2

Register = Callable[..., Awaitable[Outcome]]


def lines(outcome: Outcome) -> list[str]:
    """The parts of an error, and nothing else on standard error."""
    return [line.strip().split(":")[0] for line in outcome.stderr.splitlines()]


def sha256(pem: bytes) -> str:
    return hashlib.sha256(
        x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    ).hexdigest()


def modes(state: Path) -> dict[str, int]:
    """What is kept, and who may read it."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}


def nothing_left(state: Path) -> bool:
    return not state.exists()


async def test_a_machine_joins(register: Register, server: WorkerServer, state: Path) -> None:
    outcome = await register()
    (worker,) = server.workers.values()

    assert outcome.status == 0
    assert outcome.stdout == "app01\n"
    assert (worker.name, worker.group) == ("app01", "dc1")
    reached, joined, following = outcome.stderr.splitlines()
    assert reached.startswith(f"{server.endpoint} reached in ")
    assert joined == f"joined group dc1 as app01; the key was made here and stays in {state}"
    assert following == f"next: farhand-agent run --state {state}"


async def test_what_is_kept_is_for_the_owner_alone(register: Register, state: Path) -> None:
    await register()

    assert modes(state) == {"identity.json": 0o600, "ca.pem": 0o600}
    assert "fht_t" not in (state / "identity.json").read_text()


async def test_a_fingerprint_is_as_good_as_the_authority(
    register: Register, state: Path, loopback_authority: Authority
) -> None:
    outcome = await register("--ca-sha256", sha256(loopback_authority.ca))

    assert outcome.status == 0
    assert "as asked" in outcome.stderr
    assert (state / "ca.pem").read_bytes() == loopback_authority.ca


async def test_a_fingerprint_of_another_authority_is_refused(
    register: Register, state: Path
) -> None:
    outcome = await register("--ca-sha256", "0" * 64)

    assert outcome.status == 1
    assert lines(outcome) == ["error", "why", "do"]
    assert "is not the control plane that was asked for" in outcome.stderr
    assert nothing_left(state)


async def test_the_right_authority_must_have_signed_what_the_server_shows(
    register: Register, server: WorkerServer, state: Path
) -> None:
    innocent = authority("localhost")
    server.ca_shown = innocent.ca
    outcome = await register("--ca-sha256", sha256(innocent.ca))

    assert outcome.status == 1
    assert "its certificate was not issued by its authority" in outcome.stderr
    assert nothing_left(state)


async def test_another_authority_is_not_trusted(
    register: Register, state: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_bytes(authority("localhost").ca)
    outcome = await register("--ca", str(wrong))

    assert outcome.status == 1
    assert lines(outcome) == ["error", "why", "do"]
    assert "is not trusted" in outcome.stderr
    assert nothing_left(state)


async def test_a_file_that_is_no_authority_is_refused(
    register: Register, state: Path, tmp_path: Path
) -> None:
    outcome = await register("--ca", str(tmp_path / "missing.pem"))

    assert outcome.status == 1
    assert "No such file or directory" in outcome.stderr
    assert nothing_left(state)


async def test_an_unreachable_endpoint_is_reported_at_once(
    tmp_path: Path, state: Path, ca: Path
) -> None:
    argv = ["register", "--state", str(state), "--group", "dc1", "--ca", str(ca)]
    outcome = await command(tmp_path, *argv, "--endpoint", "localhost:1", "--token", "fht_t")

    assert outcome.status == 1
    assert lines(outcome) == ["error", "why", "do"]
    assert outcome.stderr.startswith("error: localhost:1 does not answer\n")
    assert nothing_left(state)


REFUSALS = {
    "wrong token": "no registration token is like it",
    "expired token": "token t1 has expired",
    "used-up token": "token t1 is used up",
    "token of another group": "token t1 is for group dc2, not for dc1",
}


@pytest.mark.parametrize("why", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refused_token_is_one_error_and_leaves_nothing(
    register: Register, server: WorkerServer, state: Path, why: str
) -> None:
    def refuse(frame: worker_pb2.AgentFrame) -> None:
        raise Refusal(
            grpc.StatusCode.PERMISSION_DENIED,
            "TOKEN_REFUSED",
            "Invalid Authorization Token",
            why=why,
            do="make a new one",
        )

    server.hook = refuse
    outcome = await register()

    assert outcome.status == 1
    assert outcome.stdout == ""
    assert outcome.stderr.splitlines()[1:] == [
        "error: Invalid Authorization Token",
        f"  why: {why}",
        "  do:  make a new one",
    ]
    assert nothing_left(state)


async def test_a_lost_answer_is_repaired_by_trying_again(
    register: Register, server: WorkerServer, state: Path
) -> None:
    def lose(frame: worker_pb2.AgentFrame) -> None:
        server._registered(frame.register)
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "", "connection lost")

    server.hook = lose
    first = await register()
    kept = list(modes(state))
    server.hook = lambda frame: None
    second = await register()

    assert (first.status, second.status) == (1, 0)
    assert kept == ["pending.pem"]
    assert len(server.workers) == 1


async def test_a_machine_that_is_registered_is_refused_with_azures_sentence(
    register: Register, server: WorkerServer
) -> None:
    await register()
    outcome = await register()

    assert outcome.status == 1
    error, why, do = outcome.stderr.splitlines()
    assert error == "error: Machine is already registered to a different account."
    assert why.startswith("  why: it is worker app01 of group dc1, account default, since ")
    assert do == "  do:  add --replace to give it a new identity, or: farhand-agent remove"
    assert len(server.workers) == 1


async def test_replace_gives_a_machine_a_new_identity(
    register: Register, server: WorkerServer, state: Path
) -> None:
    await register()
    old = json.loads((state / "identity.json").read_text())
    outcome = await register("--replace")
    new = json.loads((state / "identity.json").read_text())

    assert outcome.status == 0
    assert old["worker_id"] != new["worker_id"]
    assert old["private_key"] != new["private_key"]


async def test_a_damaged_identity_is_replaced_when_that_is_asked_for(
    register: Register, server: WorkerServer, state: Path
) -> None:
    await register()
    (state / "identity.json").write_text("{")
    advice = (await register()).stderr
    outcome = await register("--replace")

    assert "do:  give the worker a new identity: farhand-agent register --replace" in advice
    assert outcome.status == 0
    assert json.loads((state / "identity.json").read_text())["worker_id"] in server.workers


async def test_a_replacement_that_was_refused_leaves_the_identity(
    register: Register, server: WorkerServer, state: Path
) -> None:
    await register()
    before = (state / "identity.json").read_bytes()

    def refuse(frame: worker_pb2.AgentFrame) -> None:
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "TOKEN_REFUSED")

    server.hook = refuse
    outcome = await register("--replace")

    assert outcome.status == 1
    assert (state / "identity.json").read_bytes() == before
    assert not (state / "pending.pem").exists()


async def test_a_state_directory_that_is_not_writable_is_a_clear_error(
    register: Register, ca: Path
) -> None:
    outcome = await register("--state", f"{ca}/agent")

    assert outcome.status == 1
    assert lines(outcome) == ["error", "why", "do"]
    assert f"the state directory {ca}/agent is not writable" in outcome.stderr


async def test_options_come_from_the_environment_too(
    tmp_path: Path, state: Path, ca: Path, server: WorkerServer
) -> None:
    outcome = await command(
        tmp_path,
        "register",
        FARHAND_AGENT_STATE=str(state),
        FARHAND_AGENT_GROUP="dc1",
        FARHAND_AGENT_ENDPOINT=f"https://{server.endpoint}/accounts/default",
        FARHAND_AGENT_TOKEN="fht_t",
        FARHAND_AGENT_CA=str(ca),
        FARHAND_AGENT_WORKER_NAME="app02",
    )

    assert outcome.stdout == "app02\n"


@pytest.mark.parametrize("form", ["@file", "-", "--token-file"])
async def test_a_token_need_not_stand_on_the_command_line(
    tmp_path: Path, state: Path, ca: Path, server: WorkerServer, form: str
) -> None:
    (tmp_path / "token").write_text("fht_t\n")
    said = {
        "@file": ["--token", f"@{tmp_path}/token"],
        "-": ["--token", "-"],
        "--token-file": ["--token-file", f"{tmp_path}/token"],
    }[form]
    argv = ["register", "--state", str(state), "--name", "dc1", "--ca", str(ca)]
    outcome = await command(tmp_path, *argv, "--endpoint", server.endpoint, *said, stdin="fht_t\n")

    assert outcome.status == 0, outcome.stderr


async def test_a_missing_option_is_a_usage_error(tmp_path: Path) -> None:
    outcome = await command(tmp_path, "register", "--group", "dc1")

    assert outcome.status == 2
    assert "--endpoint" in outcome.stderr


async def test_a_machine_joins_through_a_proxy(tmp_path: Path, state: Path) -> None:
    made = authority("ctl.test", "127.0.0.1")
    (tmp_path / "ca.pem").write_bytes(made.ca)
    async with (
        WorkerServer(authority=made) as server,
        ConnectProxy(server.port).serving() as proxy,
    ):
        argv = ["register", "--state", str(state), "--group", "dc1", "--ca", f"{tmp_path}/ca.pem"]
        outcome = await command(
            tmp_path,
            *(*argv, "--endpoint", "ctl.test:8443", "--token", "fht_t"),
            HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}",
        )

    assert outcome.status == 0, outcome.stderr
    assert proxy.asked == ["ctl.test:8443"]
