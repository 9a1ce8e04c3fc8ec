"""Drafts and versions at the command: history, diff, rollback, revert, create, edit."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from click.testing import Result
from tests.support.control_plane import ControlPlane

from farhand_wire.v1 import runbook_pb2

Run = Callable[..., Result]
FIRST, SECOND = b"echo one\necho same\n", b"echo two\necho same\n"


@pytest.fixture
def published(run: Run, plane: ControlPlane, tmp_path: Path) -> None:
    """Two versions, and a draft that is the first one again."""
    for script, publish in ((FIRST, True), (SECOND, True), (FIRST, False)):
        (tmp_path / "a.sh").write_bytes(script)
        words = ["--publish"] if publish else []
        assert run("runbook", "import", str(tmp_path / "a.sh"), "--force", *words).exit_code == 0


def editor(tmp_path: Path, script: str) -> dict[str, str]:
    """An environment with an editor that runs this script on its file."""
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return {"VISUAL": "", "EDITOR": str(path)}


@pytest.mark.usefixtures("published")
def test_the_history_shows_every_page(run: Run) -> None:
    lines = run("runbook", "history", "a").stdout.splitlines()

    assert lines[0].split() == ["VERSION", "PUBLISHED", "BY", "SIZE", "SHA-256"]
    assert [line.split()[0] for line in lines[1:]] == ["v2", "v1"]


@pytest.mark.usefixtures("published")
def test_a_diff_shows_what_the_draft_changes(run: Run) -> None:
    result = run("runbook", "diff", "a")

    assert result.stdout.splitlines() == [
        "--- a published",
        "+++ a draft",
        "@@ -1,2 +1,2 @@",
        "-echo two",
        "+echo one",
        " echo same",
    ]


@pytest.mark.usefixtures("published")
def test_a_diff_between_two_versions(run: Run, plane: ControlPlane) -> None:
    result = run("runbook", "diff", "a", "v1", "2")

    requests = plane.requests(runbook_pb2.ExportRunbookRequest)
    assert [(request.version, request.draft) for request in requests] == [(1, False), (2, False)]
    assert result.stdout.splitlines()[:2] == ["--- a v1", "+++ a v2"]


def test_a_diff_of_what_is_no_version_is_a_usage_error(run: Run) -> None:
    result = run("runbook", "diff", "a", "newest")

    assert result.exit_code == 2
    assert "'newest' is neither a version nor draft" in result.stderr


@pytest.mark.usefixtures("published")
def test_rollback_and_revert_say_what_is_published_now(run: Run, plane: ControlPlane) -> None:
    back = run("runbook", "rollback", "a", "1")
    reverted = run("runbook", "revert", "a")

    assert plane.requests(runbook_pb2.RollbackRunbookRequest)[0].version == 1
    assert "back to v1. a: v3 published (bash). Run it" in back.stderr
    assert "a: the draft is v3 again" in reverted.stderr


@pytest.mark.usefixtures("published")
def test_export_prints_a_version(run: Run) -> None:
    assert run("runbook", "export", "a", "--version", "1").stdout_bytes == FIRST


def test_create_makes_a_draft_that_says_hello(run: Run, plane: ControlPlane) -> None:
    result = run("runbook", "create", "greet", "--type", "python")

    request = plane.requests(runbook_pb2.ImportRunbookRequest)[0]
    assert (request.type, request.force) == (runbook_pb2.RUNBOOK_TYPE_PYTHON, False)
    compile(request.content, "greet", "exec")
    assert "Go on: farhand runbook edit greet" in result.stderr


@pytest.mark.usefixtures("published")
def test_edit_saves_what_the_editor_left(run: Run, plane: ControlPlane, tmp_path: Path) -> None:
    env = editor(tmp_path, 'case "$1" in *.sh) echo echo three >> "$1";; esac')
    result = run("runbook", "edit", "a", "--publish", env=env)

    request = plane.requests(runbook_pb2.ImportRunbookRequest)[-1]
    assert request.content == FIRST + b"echo three\n"
    assert (request.force, request.publish) == (True, True)
    assert request.draft_digest == sha256(FIRST).hexdigest()
    assert "a: draft published" in result.stderr


@pytest.mark.usefixtures("published")
def test_an_edit_that_changes_nothing_sends_nothing(
    run: Run, plane: ControlPlane, tmp_path: Path
) -> None:
    before = len(plane.requests(runbook_pb2.ImportRunbookRequest))
    result = run("runbook", "edit", "a", env=editor(tmp_path, "true"))

    assert "nothing was changed" in result.stderr
    assert len(plane.requests(runbook_pb2.ImportRunbookRequest)) == before


@pytest.mark.usefixtures("published")
def test_what_was_edited_is_kept_if_it_cannot_be_saved(
    run: Run, plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plane.refuse("ImportRunbook", grpc.StatusCode.FAILED_PRECONDITION, "somebody replaced it")
    result = run("runbook", "edit", "a", env=editor(tmp_path, 'echo "# mine" > "$1"'))

    assert result.exit_code == 1
    assert (tmp_path / "a.1.sh").read_text() == "# mine\n", "a.sh was there before"
    assert "what you wrote is in" in result.stderr
    assert "error: somebody replaced it" in result.stderr


def test_tags_are_given_all_at_once(run: Run, plane: ControlPlane) -> None:
    plane.runbooks["a"] = runbook_pb2.Runbook(name="a", tags={"old": "1"})
    result = run("runbook", "set", "a", "--tag", "team=ops", "--tag", "why=a=b", "-o", "json")
    wrong = run("runbook", "set", "a", "--tag", "team")

    request = plane.requests(runbook_pb2.UpdateRunbookRequest)[0]
    assert list(request.update_mask.paths) == ["tags"]
    assert dict(request.runbook.tags) == {"team": "ops", "why": "a=b"}
    assert json.loads(result.stdout)["tags"]["team"] == "ops"
    assert (wrong.exit_code, "'team' is not NAME=VALUE" in wrong.stderr) == (2, True)
