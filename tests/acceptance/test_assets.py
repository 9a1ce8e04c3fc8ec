"""Runbooks as Azure's documentation has them, unchanged: they fetch assets while they run."""

import hashlib
import json
import os
import signal
from pathlib import Path

import pytest
from demo.stage import children
from tests.acceptance.conftest import Deployment
from tests.support.authority import authority

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True, scope="module")
def assets(deployment: Deployment) -> None:
    made = [
        deployment.farhand("variable", "create", "region", '"eu-west"'),
        deployment.farhand("variable", "create", "count", "7"),
        deployment.call(
            *("farhand", "variable", "create", "api-key", "--encrypted", "--value-stdin"),
            stdin=PASSWORD.encode(),
        ),
        deployment.call(
            *("farhand", "credential", "create", "backup", "--user", "svc", "--password-stdin"),
            stdin=PASSWORD.encode(),
        ),
        deployment.call(
            *("farhand", "connection", "create", "db", "--type", "PostgreSQL"),
            *("--field", "host=db01", "--field", "port=5432", "--secrets-stdin"),
            stdin=json.dumps({"password": PASSWORD}).encode(),
        ),
    ]
    assert [done.err for done in made if done.code] == []


def ran(deployment: Deployment, name: str, script: str, *, ending: str = ".py") -> str:
    """What it has written to its Output stream; it must succeed."""
    deployment.publish(name, script, ending=ending)
    done = deployment.farhand("start", name, "--run-on", "demo", "--follow")

    assert done.code == 0, (done.out, done.err)
    return done.out.decode()


def test_variables_are_read_and_set_and_a_missing_one_is_not_found(deployment: Deployment) -> None:
    output = ran(
        deployment,
        "variables",
        """
import automationassets
from automationassets import AutomationAssetNotFound

count = automationassets.get_automation_variable("count")
automationassets.set_automation_variable("count", count + 1)
print(automationassets.get_automation_variable("region"), count,
      automationassets.get_automation_variable("count"))
try:
    automationassets.get_automation_variable("nonexisting variable")
except AutomationAssetNotFound:
    print("variable not found")
try:
    automationassets.set_automation_variable("nowhere", 1)
except AutomationAssetNotFound:
    print("not made by setting it")
""",
    )

    assert output == "eu-west 7 8\nvariable not found\nnot made by setting it\n"
    assert deployment.json("variable", "show", "count")["value"] == 8


def test_secrets_are_whole_in_the_runbook_and_masked_in_its_output(deployment: Deployment) -> None:
    output = ran(
        deployment,
        "secrets",
        """
import base64, hashlib, sys
from automationassets import (get_automation_connection, get_automation_credential,
                              get_automation_variable)

def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()

login = get_automation_credential("backup")
db = get_automation_connection("db")
key = get_automation_variable("api-key")
print(login["username"], login.username, digest(login["password"]), digest(login.password))
print(db["host"], db["port"], digest(db["password"]))
print(digest(key))
print("the password is", login.password, "and again", base64.b64encode(key.encode()).decode())
print(key[:9], end="", flush=True)
print(key[9:])
print(login)
""",
    )

    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    assert output.splitlines() == [
        f"svc svc {digest} {digest}",
        f"db01 5432 {digest}",
        digest,
        "the password is *** and again ***",
        "***",
        "Credential(username='svc', password='***')",
    ]


def test_bash_reads_and_sets_them_by_commands(deployment: Deployment) -> None:
    output = ran(
        deployment,
        "commands",
        """
set -e
farhand-asset get variable region
farhand-asset get credential backup username
farhand-asset get credential backup password | sha256sum
farhand-asset get connection db host
farhand-asset set variable region "us-east; rm -rf 'x'"
farhand-asset get variable region
farhand-asset get variable nowhere || echo "no such variable: $?"
farhand-emit warning "the disk is almost full"
farhand-emit progress copying --percent 40 --status "4 of 10"
farhand-asset set variable region eu-west
""",
        ending=".sh",
    )

    digest = hashlib.sha256(f"{PASSWORD}\n".encode()).hexdigest()
    assert output.splitlines() == [
        *("eu-west", "svc", f"{digest}  -", "db01", "us-east; rm -rf 'x'"),
        "no such variable: 1",
    ]
    job = str(deployment.newest()["jobId"])
    warned = deployment.farhand("job", "output", job, "--stream", "warning").out
    progressed = deployment.farhand("job", "output", job, "--stream", "progress").out
    assert warned == b"the disk is almost full\n"
    assert progressed == b'{"activity": "copying", "status": "4 of 10", "percent": 40}\n'


def test_a_certificate_comes_with_its_key_only_if_it_may_be_exported(
    deployment: Deployment, tmp_path: Path
) -> None:
    made = authority()
    (tmp_path / "tls.pem").write_bytes(made.certificate + made.key)
    for name, options in (("open-cert", ["--exportable"]), ("closed-cert", [])):
        done = deployment.farhand(
            "certificate", "create", name, str(tmp_path / "tls.pem"), *options
        )
        assert done.code == 0, done.err
    output = ran(
        deployment,
        "certificates",
        """
import automationassets, subprocess

for name in ("open-cert", "closed-cert"):
    content = automationassets.get_automation_certificate(name)
    print(name, content[:1] == b"0", len(content) > 700)
""",
    )

    assert output == "open-cert True True\nclosed-cert True False\n"


def test_the_job_tells_which_versions_it_has_read_and_written(deployment: Deployment) -> None:
    ran(
        deployment,
        "reader",
        "farhand-asset get variable count >/dev/null\nfarhand-asset set variable count 9\n",
        ending=".sh",
    )
    reads = deployment.json("job", "show", str(deployment.newest()["jobId"]))["assetReads"]

    assert isinstance(reads, list)
    told = [(read["kind"], read["name"], bool(read.get("written"))) for read in reads]
    assert told == [("variable", "count", False), ("variable", "count", True)]
    assert reads[1]["version"] == reads[0]["version"] + 1


def test_a_runbook_with_a_list_may_use_nothing_else(deployment: Deployment) -> None:
    deployment.publish(
        "listed",
        "farhand-asset get variable region\nfarhand-asset get credential backup username\n",
    )
    done = deployment.farhand("runbook", "set", "listed", "--grant", "variable/region")
    assert done.code == 0, done.err
    done = deployment.farhand("start", "listed", "--run-on", "demo", "--follow")

    assert (done.code, done.out) == (1, b"eu-west\n")
    assert 'AutomationAssetNotFound: runbook "listed" may not use credential "backup"' in done.err


def test_children_are_started_waited_for_and_read(deployment: Deployment) -> None:
    deployment.publish(
        "child",
        '# /// farhand\n# [parameters.days]\n# type = "integer"\n# ///\n'
        'echo "cleaned $1 days"\nexit $1\n',
    )
    output = ran(
        deployment,
        "parent",
        """
import farhand_job

child = farhand_job.start("child", {"days": 7}, run_on="demo").wait(60)
print(child.status, child.exit_code, child.output(), end="")
try:
    farhand_job.start("child", {"days": "x"}, run_on="demo")
except farhand_job.JobError as error:
    print(error.reason)
""",
    )
    parent = str(deployment.newest()["parentJobId"])
    listed = deployment.farhand("-o", "name", "job", "list", "--parent", parent).out

    assert output == "Failed 7 cleaned 7 days\nINVALID_REQUEST\n"
    assert len(listed.split()) == 1


def test_a_child_is_stopped_with_its_parent_if_it_shall(deployment: Deployment) -> None:
    deployment.publish("sleeper", "echo here\nsleep 300\n")
    deployment.publish(
        "two-children",
        "farhand-job start sleeper --run-on demo --stop-with-parent\n"
        "farhand-job start sleeper --run-on demo\nsleep 300\n",
    )
    parent = deployment.start("two-children")
    deployment.until(
        "two ids", lambda: deployment.farhand("job", "output", parent).out.count(b"\n") == 2
    )
    with_it, alone = deployment.farhand("job", "output", parent).out.decode().split()
    deployment.until("both run", lambda: deployment.prints(with_it) and deployment.prints(alone))
    assert deployment.farhand("job", "stop", parent).code == 0
    deployment.until(
        "the child is stopped", lambda: deployment.status(with_it) == "JOB_STATUS_STOPPED"
    )

    assert deployment.status(alone) == "JOB_STATUS_RUNNING"
    deployment.farhand("job", "stop", alone)


COUNTS = """
import automationassets, sys, time

for _ in range(30):
    count = automationassets.get_automation_variable("count")
    automationassets.set_automation_variable("count", count + 1)
    print(count + 1, flush=True)
    time.sleep(0.02)
"""


def test_what_a_job_asks_for_is_done_once_however_often_its_link_is_lost(
    bare: Deployment,
) -> None:
    assert bare.farhand("variable", "create", "count", "0").code == 0
    bare.publish("counts", COUNTS, ending=".py")
    agent = bare.add_agent("w1")
    job = bare.start("counts")
    for _ in range(2):
        before = _lines(bare, job)
        bare.until("it goes on", lambda: _lines(bare, job) > before)  # noqa: B023
        for link in children(agent.pid, "farhand-link"):
            os.kill(link, signal.SIGKILL)
    bare.until("it is over", lambda: "endTime" in bare.job(job))

    assert bare.status(job) == "JOB_STATUS_COMPLETED", bare.farhand("job", "output", job)
    assert _lines(bare, job) == 30
    assert bare.json("variable", "show", "count")["value"] == 30


def _lines(bare: Deployment, job: str) -> int:
    return bare.farhand("job", "output", job).out.count(b"\n")
