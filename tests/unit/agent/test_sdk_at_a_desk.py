"""Runbooks at a desk: the modules of jobs, assets from a file beside them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from farhand_agent.__main__ import main

ASSETS = {
    "Variable": [{"Name": "region", "Value": "eu"}, {"Name": "list", "Value": [1, None]}],
    "Credential": [{"Name": "svc", "Username": "u", "Password": "p"}],
    "Connection": [{"Name": "db", "ConnectionFields": {"host": "h"}}],
    "Certificate": [{"Name": "tls", "CertPath": "tls.pfx"}],
}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with everything that a runbook imports, and its assets."""
    assert main(["sdk", str(tmp_path / "sdk")]) == 0
    (tmp_path / "localassets.json").write_text(json.dumps(ASSETS))
    (tmp_path / "tls.pfx").write_bytes(b"\x30\x82")
    return tmp_path


def tried(desk: Path, script: str, **environ: str) -> Any:
    """What the runbook prints, as JSON."""
    (desk / "runbook.py").write_text(script)
    done = subprocess.run(
        [sys.executable, str(desk / "runbook.py")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(desk / "sdk" / "python"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


READS = """
import json
from automationassets import *
print(json.dumps([get_automation_variable("region"), get_automation_variable("list"),
                  get_automation_credential("svc"), get_automation_connection("db"),
                  get_automation_certificate("tls").hex()]))
"""


def test_assets_are_read_from_the_file_beside_the_runbook(desk: Path) -> None:
    expected = ["eu", [1, None], {"username": "u", "password": "p"}, {"host": "h"}, "3082"]

    assert tried(desk, READS) == expected


def test_another_file_can_be_named(desk: Path) -> None:
    other = desk / "other.json"
    other.write_text(json.dumps({"Variable": [{"Name": "region", "Value": "us"}]}))
    script = (
        "import automationassets as a, json\nprint(json.dumps(a.get_automation_variable('region')))"
    )

    assert tried(desk, script, AUTOMATION_ASSET_FILE=str(other)) == "us"


def test_a_variable_is_set_in_the_file_and_a_new_one_is_not_made(desk: Path) -> None:
    said = tried(
        desk,
        "import automationassets as a, json\n"
        "a.set_automation_variable('region', {'n': 1})\n"
        "try:\n    a.set_automation_variable('nowhere', 1)\n"
        "except a.AutomationAssetNotFound as error:\n    print(json.dumps(str(error)))\n",
    )

    assert said.startswith('no variable "nowhere" in ')
    kept = json.loads((desk / "localassets.json").read_text())["Variable"]
    assert kept[0] == {"Name": "region", "Value": {"n": 1}}


def test_what_only_a_job_has_says_so(desk: Path) -> None:
    said = tried(
        desk,
        "import farhand_job, json\n"
        "try:\n    farhand_job.start('x')\n"
        "except farhand_job.NotInJob as no:\n    print(json.dumps([no.reason, str(no)]))\n",
    )

    assert said[0] == "NOT_IN_JOB"
    assert "outside of a job" in said[1]


def test_a_password_is_not_in_what_is_shown_of_a_credential(desk: Path) -> None:
    script = (
        "import automationassets as a, json\n"
        "print(json.dumps(repr(a.get_automation_credential('svc'))))"
    )

    assert tried(desk, script) == "Credential(username='u', password='***')"


def test_the_modules_keep_to_what_an_old_python_knows() -> None:
    """The Python of a host may be years older than that of the agent."""
    import ast

    import farhand_agent

    folder = Path(farhand_agent.__file__).parent / "sdk" / "python"
    for path in folder.glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 7))
