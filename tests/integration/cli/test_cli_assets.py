"""Assets at the command: what is asked for, what is shown, and where secrets may come from."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from google.protobuf.json_format import MessageToDict
from tests.support.control_plane import ControlPlane
from tests.support.plane.ledger import stamp

from farhand_wire.v1 import asset_pb2

Run = Callable[..., Result]
SECRET = "hunter2"


def last(plane: ControlPlane, kind: type) -> Any:
    return plane.requests(kind)[-1]


# --- variables ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "value"), [("5", 5), ("007", "007"), ("[1, true]", [1, True]), ("plain", "plain")]
)
def test_a_variable_is_json_if_it_parses(
    run: Run, plane: ControlPlane, typed: str, value: Any
) -> None:
    result = run("variable", "create", "limit", typed, "--description", "how many")

    request = last(plane, asset_pb2.CreateVariableRequest)
    assert MessageToDict(request.variable)["value"] == value
    assert request.variable.description == "how many"
    assert "variable limit is made" in result.stderr
    shown = json.loads(run("variable", "show", "limit", "-o", "json").stdout)
    assert shown["value"] == value


def test_the_value_of_an_encrypted_variable_is_never_an_argument(
    run: Run, plane: ControlPlane
) -> None:
    refused = run("variable", "create", "key", SECRET, "--encrypted")
    made = run("variable", "create", "key", "--encrypted", "--value-stdin", stdin=f"{SECRET}\n")
    again = run("variable", "set", "key", SECRET)
    listed = run("variable", "list")

    assert (refused.exit_code, again.exit_code) == (2, 2)
    assert "every process can read arguments" in refused.stderr
    assert made.exit_code == 0
    (request,) = plane.requests(asset_pb2.CreateVariableRequest)
    assert request.variable.value.string_value == SECRET
    assert "(encrypted)" in listed.stdout
    assert SECRET not in listed.stdout + made.stdout + made.stderr


def test_a_list_of_variables_shows_every_page(run: Run) -> None:
    for name in ("b", "a"):
        run("variable", "create", name, "1")

    lines = run("variable", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["a", "1"], ["b", "1"]]


def test_set_changes_what_is_given_and_delete_deletes(run: Run, plane: ControlPlane) -> None:
    run("variable", "create", "limit", "1")
    run("variable", "set", "limit", "2")
    run("variable", "set", "limit", "--description", "new")

    masks = [list(r.update_mask.paths) for r in plane.requests(asset_pb2.UpdateVariableRequest)]
    assert masks == [["value"], ["description"]]
    assert run("variable", "delete", "limit").exit_code == 0
    assert run("variable", "show", "limit").exit_code == 1


# --- credentials ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["stdin", "file"])
def test_a_password_comes_from_where_nobody_looks(
    run: Run, plane: ControlPlane, tmp_path: Path, source: str
) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    words = {
        "stdin": ["--password-stdin"],
        "file": ["--password-file", str(tmp_path / "password")],
    }[source]

    result = run("credential", "create", "deploy", "--user", "corp\\d", *words, stdin=f"{SECRET}\n")

    request = last(plane, asset_pb2.CreateCredentialRequest)
    assert (request.password, request.credential.user_name) == (SECRET, "corp\\d")
    assert SECRET not in result.stdout + result.stderr


def test_without_a_terminal_a_password_must_be_given(run: Run, plane: ControlPlane) -> None:
    result = run("credential", "create", "deploy", "--user", "d")

    assert result.exit_code == 2
    assert "--password-stdin, or --password-file FILE" in result.stderr
    assert not plane.calls


def test_a_credential_changes_one_by_one(run: Run, plane: ControlPlane) -> None:
    run("credential", "create", "deploy", "--user", "d", "--password-stdin", stdin="p")
    run("credential", "set", "deploy", "--user", "e")
    run("credential", "set", "deploy", "--password-stdin", stdin="q\n")
    nothing = run("credential", "set", "deploy")

    user, password = plane.requests(asset_pb2.UpdateCredentialRequest)
    assert (list(user.update_mask.paths), user.password) == (["user_name"], "")
    assert (list(password.update_mask.paths), password.password) == (["password"], "q")
    assert nothing.exit_code == 2
    assert run("credential", "list").stdout.splitlines()[1].split()[:2] == ["deploy", "e"]


# --- certificates ---------------------------------------------------------------------------


def test_a_certificate_is_sent_as_it_is(run: Run, plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "a.p12").write_bytes(b"\x30\x82content")
    words = ["--exportable", "--password-stdin"]

    run("certificate", "create", "backup", str(tmp_path / "a.p12"), *words, stdin="open\n")

    request = last(plane, asset_pb2.CreateCertificateRequest)
    assert (request.content, request.password) == (b"\x30\x82content", "open")
    assert request.exportable


@pytest.mark.parametrize(("days", "words"), [(-1, "! expired"), (10, "! 20"), (400, "20")])
def test_what_expires_stands_out(run: Run, plane: ControlPlane, days: int, words: str) -> None:
    expires = stamp(datetime.now(UTC) + timedelta(days=days))
    plane.assets["certificate"] = {
        "a": asset_pb2.Certificate(name="a", subject="CN=a", expire_time=expires)
    }

    line = run("certificate", "list").stdout.splitlines()[1]
    assert line.removeprefix("a").strip().startswith(words)


def test_a_file_that_cannot_be_read_is_named(run: Run, plane: ControlPlane) -> None:
    result = run("certificate", "create", "a", "/no/such/file")

    assert result.exit_code == 1
    assert "/no/such/file cannot be read" in result.stderr
    assert not plane.calls


# --- connections ----------------------------------------------------------------------------


def test_a_connection_has_fields_and_secret_ones(run: Run, plane: ControlPlane) -> None:
    secrets = json.dumps({"password": SECRET})
    words = ["--type", "postgres", "--field", "host=db1", "--field", "port=5432"]

    run("connection", "create", "db", *words, "--secrets-stdin", stdin=secrets)

    request = last(plane, asset_pb2.CreateConnectionRequest)
    assert MessageToDict(request.connection.fields) == {"host": "db1", "port": 5432}
    assert MessageToDict(request.secret_fields) == {"password": SECRET}
    shown = run("connection", "show", "db").stdout
    assert 'host="db1", port=5432' in shown and "password=***" in shown
    assert SECRET not in shown


def test_only_what_is_said_of_a_connection_changes(run: Run, plane: ControlPlane) -> None:
    run("connection", "create", "db", "--field", "host=a")
    run("connection", "set", "db", "--field", "host=b")
    run("connection", "set", "db", "--secrets-stdin", stdin="{}")

    masks = [list(r.update_mask.paths) for r in plane.requests(asset_pb2.UpdateConnectionRequest)]
    assert masks == [["fields"], ["secret_fields"]]


def test_secret_fields_that_are_no_object_are_refused(run: Run, plane: ControlPlane) -> None:
    result = run("connection", "create", "db", "--secrets-stdin", stdin="[1]")

    assert result.exit_code == 2
    assert not plane.calls
