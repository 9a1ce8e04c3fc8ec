"""What an operator may type wrong: one clear error, exit 1, nothing changed."""

import json

import pytest
from tests.acceptance.conftest import Deployment


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start", "nothing", "--run-on", "demo"), 'no runbook "nothing"'),
        (("start", "hello", "--run-on", "nowhere"), 'no hybrid worker group "nowhere"'),
        (("start", "draft", "--run-on", "demo"), "not published"),
        (("job", "show", "018f2b3c-0000-7000-8000-00000000dead"), "no job"),
        (("runbook", "show", "nothing"), 'no runbook "nothing"'),
        (("group", "show", "nothing"), 'no hybrid worker group "nothing"'),
        (("worker", "show", "nothing"), "nothing"),
    ],
)
def test_unknown_things_are_named(
    deployment: Deployment, arguments: tuple[str, ...], words: str
) -> None:
    deployment.publish("hello", "echo hi\n")
    file = deployment.root / "draft.sh"
    file.write_text("echo hi\n")
    deployment.farhand("runbook", "import", str(file), "--force")

    done = deployment.farhand(*arguments)

    assert done.code == 1
    assert done.err.startswith("error: ")
    assert words in done.err


@pytest.mark.parametrize("name", ["1st", "a b", "-x", "ä", "a/b", "a" * 64])
def test_runbook_names_follow_azures_rule(deployment: Deployment, name: str) -> None:
    file = deployment.root / "named.sh"
    file.write_text("echo hi\n")

    done = deployment.farhand("runbook", "import", str(file), "--name=" + name)

    assert done.code == 1, done.err
    assert "letter" in done.err or "characters" in done.err


def test_a_powershell_runbook_is_not_started_without_what_its_param_block_demands(
    deployment: Deployment,
) -> None:
    file = deployment.root / "win.ps1"
    file.write_text("param([Parameter(Mandatory)] [int]$Count)\nWrite-Output $Count\n")

    deployment.farhand("group", "create", "dc1")
    imported = deployment.farhand("runbook", "import", str(file), "--publish")
    started = deployment.farhand("start", "win", "--run-on", "dc1", "-p", "Count=x", "-p", "b=1")

    assert imported.code == 0, imported.err
    assert started.code == 1
    assert "Count" in started.err
    assert "is not declared; declared are Count" in started.err


def test_too_many_and_too_large_parameters_are_refused(deployment: Deployment) -> None:
    deployment.publish("hello", "echo hi\n")
    many = [part for n in range(51) for part in ("-p", f"p{n}=x")]
    large = deployment.root / "large.json"
    large.write_text(json.dumps({"text": "x" * (512 * 1024 + 1)}))

    too_many = deployment.farhand("start", "hello", "--run-on", "demo", *many)
    too_large = deployment.farhand("start", "hello", "--run-on", "demo", "--params", str(large))

    assert (too_many.code, too_large.code) == (1, 1)
    assert "50" in too_many.err
    assert "512" in too_large.err


def test_errors_are_json_for_programs(deployment: Deployment) -> None:
    done = deployment.farhand("-o", "json", "start", "nothing", "--run-on", "demo")

    assert json.loads(done.err)["code"] == "runbook_not_found"
