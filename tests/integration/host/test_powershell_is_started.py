"""How a PowerShell runbook is started, seen by a program that only says how it was called."""

import json
import re
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome

WITNESS = """#!/bin/sh
for argument in "$@"; do echo "argument $argument"; done
eval "script=\\${$#}"
echo "script $(cat "$script")"
printf 'parameters %s\\n' "$(cat "$FARHAND_PARAMETERS")"
env | sed 's/^/variable /'
exit 7
"""
HOSTILE = {"Name": "007", "Text": '\'; rm -rf "$HOME" #\n日本'}


@pytest.fixture
def outcome(host: HostProcess) -> Outcome:
    host.stop()
    pwsh = host.state / "pwsh"
    pwsh.write_text(WITNESS)
    pwsh.chmod(0o755)
    host.start()
    return host.spare().run(
        "param($Name, $Text)\r\nWrite-Output $Name\r\n",
        type="powershell",
        parameters_json=json.dumps(HOSTILE),
        arguments=["ignored"],
    )


def said(outcome: Outcome, what: str) -> list[str]:
    return re.findall(rf"(?m)^{what} (.*)$", outcome.output.decode())


def test_it_runs_below_a_script_of_ours_without_profile_and_without_questions(
    outcome: Outcome,
) -> None:
    *options, run, script = said(outcome, "argument")

    assert options == ["-NoLogo", "-NoProfile", "-NonInteractive", "-File"]
    assert run.endswith("/sdk/powershell/run.ps1")
    assert script.endswith("/job/script.ps1")
    assert outcome.code == 7


def test_what_it_needs_is_where_every_user_can_read_it(outcome: Outcome) -> None:
    run = Path(said(outcome, "argument")[-2])
    (modules,) = [
        value.removeprefix("PSModulePath=")
        for value in said(outcome, "variable")
        if value.startswith("PSModulePath=")
    ]

    assert (run.parent / "runner" / "Runner.psm1").stat().st_mode & 0o777 == 0o644
    assert (Path(modules) / "Farhand" / "Farhand.psd1").is_file()


def test_parameters_are_in_their_file_and_on_no_command_line(outcome: Outcome) -> None:
    (parameters,) = said(outcome, "parameters")

    assert json.loads(parameters) == HOSTILE
    assert not [word for word in said(outcome, "argument") if "007" in word or "rm -rf" in word]


def test_it_dials_nobody_by_itself(outcome: Outcome) -> None:
    assert {"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_UPDATECHECK=Off"} <= set(
        said(outcome, "variable")
    )


def test_nothing_of_it_is_left(host: HostProcess, outcome: Outcome) -> None:
    client = host.spare()
    job_id = client.start("exit 0", type="powershell")
    client.take(Outcome())
    home = host.home(job_id)

    assert outcome.exited is not None
    assert (home / "job" / "script.ps1").is_file()
    assert client.done()
    assert not home.exists()
