import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from google.protobuf.json_format import MessageToDict
from tests.support.control_plane import ControlPlane

from farhand_wire.v1 import job_pb2, runbook_pb2

Run = Callable[..., Result]
ID = "0197c2e1-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def hello(plane: ControlPlane) -> None:
    """It declares one parameter."""
    plane.runbooks["hello"] = runbook_pb2.Runbook(name="hello", published_version=1)
    plane.parameters["hello"] = [
        runbook_pb2.RunbookParameter(
            name="text",
            type=runbook_pb2.PARAMETER_TYPE_STRING,
            description="What to say",
            required=True,
            schema={"type": "string"},
        )
    ]


def started(plane: ControlPlane) -> Any:
    return plane.requests(job_pb2.StartJobRequest)[0]


def test_start_prints_the_id_of_the_job(run: Run, plane: ControlPlane) -> None:
    result = run("start", "hello", "--run-on", "demo")

    request = started(plane)
    assert (request.runbook, request.run_on) == ("hello", "demo")
    assert result.stdout == f"{uuid.UUID(request.job_id)}\n"
    assert result.stderr == ""


def test_parameters_are_typed_and_ordered(run: Run, plane: ControlPlane) -> None:
    words = ["-p", "z=7", "-p", "a=007", "-p", 'm={"x": [true, null]}']

    run("start", "hello", "--run-on", "demo", *words)

    request = started(plane)
    assert list(request.parameter_order) == ["z", "a", "m"]
    assert MessageToDict(request.parameters) == {"z": 7, "a": "007", "m": {"x": [True, None]}}


def test_what_is_declared_as_text_is_sent_as_text(run: Run, plane: ControlPlane) -> None:
    run("start", "hello", "--run-on", "demo", "-p", "text=7", "-p", "other=7")

    assert MessageToDict(started(plane).parameters) == {"text": "7", "other": 7}


def test_show_tells_what_a_runbook_takes(run: Run) -> None:
    lines = run("runbook", "show", "hello").stdout.splitlines()
    document = json.loads(run("runbook", "show", "hello", "-o", "json").stdout)

    assert lines[-2].split() == ["PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"]
    assert lines[-1].split() == ["text", "string", "required", "What", "to", "say"]
    assert document["name"] == "hello"
    assert document["parameters"][0]["schema"] == {"type": "string"}


@pytest.mark.parametrize("source", ["file", "-"])
def test_parameters_may_be_a_document(
    run: Run, plane: ControlPlane, tmp_path: Path, source: str
) -> None:
    document = '{"b": 1, "a": 2}'
    (tmp_path / "file").write_text(document)
    path = "-" if source == "-" else str(tmp_path / "file")

    run("start", "hello", "--run-on", "demo", "--params", path, "-p", "c=3", stdin=document)

    assert list(started(plane).parameter_order) == ["b", "a", "c"]


def test_the_same_id_twice_is_one_job(run: Run, plane: ControlPlane) -> None:
    words = ["start", "hello", "--run-on", "demo", "--job-id", ID, "-o", "json"]

    first, second = json.loads(run(*words).stdout), json.loads(run(*words).stdout)

    assert (first, list(plane.spools)) == (second, [ID])


@pytest.mark.parametrize(
    "words",
    [["-p", "x"], ["--job-id", "7"], ["--max-wait", "3"], ["--params", "/no/such/file"]],
)
def test_wrong_usage_starts_nothing(run: Run, plane: ControlPlane, words: list[str]) -> None:
    result = run("start", "hello", "--run-on", "demo", *words)

    assert (result.exit_code, plane.calls) == (2, [])


def test_a_start_need_not_name_a_group(run: Run, plane: ControlPlane) -> None:
    assert run("start", "hello").exit_code == 0
    assert started(plane).run_on == ""


# --- tests of drafts ------------------------------------------------------------------------


@pytest.fixture
def ended(plane: ControlPlane) -> None:
    plane.add_job(ID, runbook="hello", test=True, status=job_pb2.JOB_STATUS_NEW)
    plane.say(ID, b"from the draft\n")
    plane.change(ID, status=job_pb2.JOB_STATUS_COMPLETED, exit_code=7)


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(
    ("words", "output"),
    [([], "from the draft\n"), (["--follow"], "from the draft\n"), (["--wait"], "")],
)
def test_a_test_is_followed_unless_it_is_only_waited_for(
    run: Run, plane: ControlPlane, words: list[str], output: str
) -> None:
    result = run("runbook", "test", "hello", "--run-on", "demo", "--job-id", ID, *words)

    assert (result.exit_code, result.stdout) == (7, output)
    assert "version=draft" in result.stderr
    assert (started(plane).test, started(plane).run_on) == (True, "demo")


def test_a_test_may_be_left_alone(run: Run, plane: ControlPlane) -> None:
    result = run("runbook", "test", "hello", "--run-on", "demo", "--no-follow")

    assert result.stdout == f"{uuid.UUID(started(plane).job_id)}\n"


def test_a_test_takes_what_the_draft_declares(run: Run, plane: ControlPlane) -> None:
    plane.draft_parameters["hello"] = [
        runbook_pb2.RunbookParameter(name="count", type=runbook_pb2.PARAMETER_TYPE_STRING)
    ]
    run("runbook", "test", "hello", "--run-on", "demo", "--no-follow", "-p", "count=7")

    assert MessageToDict(started(plane).parameters) == {"count": "7"}


def test_a_start_is_no_test(run: Run, plane: ControlPlane) -> None:
    run("start", "hello", "--run-on", "demo")

    assert not started(plane).test
