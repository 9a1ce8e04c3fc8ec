import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import grpc
import pytest
from click.testing import CliRunner, Result
from tests.support.authority import authority
from tests.support.control_plane import HOST, ControlPlane

from farhand_cli.app import Command
from farhand_wire.v1 import job_pb2

Run = Callable[..., Result]


def test_what_why_and_do_are_the_servers_words(run: Run, plane: ControlPlane) -> None:
    plane.refuse(
        "StartJob",
        grpc.StatusCode.NOT_FOUND,
        'no runbook "rotate-log"',
        reason="RUNBOOK_NOT_FOUND",
        why="the account has 3 runbooks",
        do="farhand start rotate-logs --run-on dc1",
    )

    result = run("start", "rotate-log", "--run-on", "dc1")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        'error: no runbook "rotate-log"',
        "  why: the account has 3 runbooks",
        "  do:  farhand start rotate-logs --run-on dc1",
    ]


def test_all_violations_are_told_at_once(run: Run, plane: ControlPlane) -> None:
    plane.refuse(
        "StartJob",
        grpc.StatusCode.INVALID_ARGUMENT,
        "2 parameters were refused; nothing was started",
        reason="INVALID_REQUEST",
        violations=[("server", "is required (string)"), ("mode", "is not one of dry-run, apply")],
    )

    result = run("start", "patch-sql", "--run-on", "dmz")

    assert result.stderr.splitlines() == [
        "error: 2 parameters were refused; nothing was started",
        "  server  is required (string)",
        "  mode    is not one of dry-run, apply",
    ]


def test_programs_get_an_error_as_one_object(run: Run, plane: ControlPlane) -> None:
    plane.refuse(
        "GetJob", grpc.StatusCode.NOT_FOUND, "no job", reason="JOB_NOT_FOUND", why="so", do="this"
    )

    result = run("job", "show", "x", "-o", "json")

    assert result.exit_code == 1
    assert json.loads(result.stderr) == {
        "code": "job_not_found",
        "message": "no job",
        "why": "so",
        "do": ["this"],
        "violations": [],
    }


def test_a_status_without_details_is_still_a_sentence(run: Run, plane: ControlPlane) -> None:
    plane.refuse("GetJob", grpc.StatusCode.INTERNAL, "internal error ab12")

    result = run("job", "show", "x")

    assert result.stderr.splitlines() == [
        "error: internal error ab12",
        "  do:  look for it in the server's log",
    ]


def test_a_wrong_token_is_refused_with_a_way_out(run: Run) -> None:
    result = run("--token", "fh_wrong", "job", "list")

    assert result.exit_code == 1
    assert "error: the token is not known" in result.stderr
    assert "do:  give a valid token" in result.stderr
    assert "fh_wrong" not in result.stderr


def test_no_server_at_all_says_how_to_name_one(run: Run) -> None:
    result = run("job", "list", env={"FARHAND_SERVER": None})

    assert result.exit_code == 1
    assert "error: no server is known" in result.stderr
    assert "do:  farhand context add" in result.stderr


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_server_that_does_not_answer_is_named_with_its_source(run: Run, closed_port: int) -> None:
    result = run("--server", f"localhost:{closed_port}", "job", "list")

    lines = result.stderr.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith(
        f"error: localhost:{closed_port} does not answer (connection refused after "
    )
    assert lines[1].startswith("  why: server from --server; name resolves to ")
    assert "farhand context use NAME" in lines[2]


def test_a_name_that_is_unknown_is_told(run: Run) -> None:
    result = run("--server", "no-such-host.invalid:1", "job", "list")

    assert "the name no-such-host.invalid is unknown" in result.stderr


def test_a_certificate_of_another_authority_is_not_trusted(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(authority("localhost", HOST).ca)

    result = run("--ca", str(other), "job", "list")

    lines = result.stderr.splitlines()
    assert result.exit_code == 1
    assert "is not trusted (" in lines[0]
    assert lines[1].startswith(f"  why: checked against the CA file {other};")
    assert "--ca FILE" in lines[2]


def test_a_certificate_for_another_name_is_not_trusted(run: Run, tmp_path: Path) -> None:
    elsewhere = authority("elsewhere.test")
    (tmp_path / "elsewhere.pem").write_bytes(elsewhere.ca)

    with ControlPlane(certificates=elsewhere) as other:
        words = ["--server", other.endpoint, "--ca", str(tmp_path / "elsewhere.pem")]
        result = run(*words, "job", "list")

    assert result.exit_code == 1
    assert "is not trusted (" in result.stderr
    assert "mismatch" in result.stderr


def test_a_ca_file_without_a_certificate_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")

    result = run("--ca", str(tmp_path / "empty.pem"), "job", "list")

    assert "the CA file holds no certificate" in result.stderr


def test_a_ca_file_that_is_not_there_is_told(run: Run) -> None:
    result = run("--ca", "/no/such/ca.pem", "job", "list")

    assert "error: the CA file /no/such/ca.pem cannot be read" in result.stderr


def test_a_port_without_tls_is_told(run: Run) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        result = run("--server", f"127.0.0.1:{port}", "job", "list")
    finally:
        server.stop(None).wait()

    assert "does not speak TLS" in result.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["job", "show"], ["start"], ["-o", "xml"]])
def test_wrong_usage_is_exit_2(run: Run, plane: ControlPlane, words: list[str]) -> None:
    result = run(*words)

    assert (result.exit_code, plane.calls) == (2, [])


def test_a_defect_is_told_in_lines_unless_it_is_looked_for() -> None:
    @click.command
    def broken() -> None:
        raise KeyError("x")

    command = Command("farhand", commands={"broken": broken})
    told = CliRunner().invoke(command, ["broken"])
    shown = CliRunner().invoke(command, ["broken"], env={"FARHAND_DEBUG": "1"})

    assert told.exit_code == 1
    assert told.stderr.startswith("error: unexpected KeyError: 'x'\n")
    assert "FARHAND_DEBUG=1 shows where" in told.stderr
    assert isinstance(shown.exception, KeyError)


def test_a_lost_answer_to_a_start_is_asked_for_again_with_the_same_id(
    run: Run, plane: ControlPlane
) -> None:
    plane.refuse("StartJob", grpc.StatusCode.UNAVAILABLE, "try again", times=2)

    result = run("start", "hello", "--run-on", "demo")

    ids = [request.job_id for request in plane.requests(job_pb2.StartJobRequest)]
    assert result.exit_code == 0
    assert ids == [result.stdout.strip()] * 3


def test_a_start_that_may_have_arrived_says_how_to_find_out(run: Run, plane: ControlPlane) -> None:
    plane.refuse("StartJob", grpc.StatusCode.UNAVAILABLE, "try again", times=9)

    result = run("start", "hello", "--run-on", "demo")

    job_id = plane.requests(job_pb2.StartJobRequest)[0].job_id
    assert result.exit_code == 1
    assert f"  do:  see whether it was started: farhand job show {job_id}" in result.stderr
