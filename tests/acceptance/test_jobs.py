"""Jobs from start to end, as an operator sees them."""

import json
import re
from pathlib import Path

from tests.acceptance.conftest import Deployment


def test_exit_codes_are_those_of_the_runbook(deployment: Deployment) -> None:
    deployment.publish("three", "exit 3\n")

    done = deployment.farhand("start", "three", "--run-on", "demo", "--follow")

    assert done.code == 3
    assert "from the runbook" in done.err or "from=runbook" in done.err


def test_a_signal_makes_the_job_failed_and_is_named(deployment: Deployment) -> None:
    deployment.publish("suicide", "kill -SEGV $$\n")

    done = deployment.farhand("start", "suicide", "--run-on", "demo", "--wait")

    assert done.code == 3
    newest = deployment.newest()
    assert (newest["status"], newest["signal"]) == ("JOB_STATUS_FAILED", 11)


def test_parameters_arrive_typed_and_positional(deployment: Deployment) -> None:
    deployment.publish("show", 'cat "$FARHAND_PARAMETERS"; echo; printf "[%s]" "$@"\n')

    done = deployment.farhand(
        "start", "show", "--run-on", "demo", "--follow",
        "-p", "zone=007", "-p", "count=7", "-p", 'list=["a",2,true]', "-p", "text=a; rm 'b' \"c\"",
    )  # fmt: skip

    typed, positional = done.out.decode().split("\n", 1)
    assert json.loads(typed) == {
        "zone": "007",
        "count": 7,
        "list": ["a", 2, True],
        "text": "a; rm 'b' \"c\"",
    }
    assert positional == '[007][7][["a",2,true]][a; rm \'b\' "c"]'


def test_python_gets_its_parameters_in_argv(deployment: Deployment) -> None:
    deployment.publish("argv", "import sys; print(sys.argv[1:])\n", ending=".py")

    done = deployment.farhand(
        "start", "argv", "--run-on", "demo", "--follow", "-p", "b=1", "-p", "a=true"
    )

    assert done.out == b"['1', 'true']\n"


def test_the_environment_is_the_documented_one(deployment: Deployment) -> None:
    deployment.publish("env", "env -0\n")

    done = deployment.farhand("start", "env", "--run-on", "demo", "--follow")

    names = {pair.split("=")[0] for pair in done.out.decode().split("\0") if pair}
    assert {"FARHAND_JOB_ID", "FARHAND_ATTEMPT", "FARHAND_RUNBOOK", "FARHAND_GROUP"} <= names
    assert {"FARHAND_WORKER", "FARHAND_PARAMETERS", "AUTOMATION_JOB_ID"} <= names
    assert {"FARHAND_JOB_SOCKET", "FARHAND_JOB_NONCE", "PYTHONPATH", "PSModulePath"} <= names
    own = names - {"PYTHONPATH"}  # where the modules for runbooks are, and nothing of the agent's
    assert not {name for name in own if name.startswith(("GRPC_", "FARHAND_CONFIG", "PYTHON"))}


def test_stop_ends_the_whole_tree_and_only_then_says_stopped(
    deployment: Deployment, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    deployment.publish(
        "stubborn",
        f"trap '' TERM\n(trap '' TERM; setsid sleep 300 & echo $! >> {pids}; wait) &\n"
        f"echo $$ >> {pids}\necho ready\nwhile true; do sleep 1; done\n",
    )
    job = deployment.start("stubborn")
    deployment.until("it runs", lambda: b"ready" in deployment.farhand("job", "output", job).out)

    asked = deployment.farhand("job", "stop", job)

    assert asked.code == 0, asked.err
    deployment.until("it is stopped", lambda: deployment.status(job) == "JOB_STATUS_STOPPED")
    for pid in pids.read_text().split():
        state = Path(f"/proc/{pid}/status")
        assert not state.exists() or re.search(r"State:\s+Z", state.read_text())


def test_a_job_that_waits_is_stopped_at_once(bare: Deployment) -> None:
    bare.publish("hello", "echo hi\n")
    assert bare.farhand("group", "create", "empty").code == 0
    job = bare.start("hello", group="empty")

    assert bare.farhand("job", "stop", job).code == 0
    assert bare.status(job) == "JOB_STATUS_STOPPED"


def test_without_a_member_online_the_job_waits_says_so_and_starts_when_one_connects(
    bare: Deployment,
) -> None:
    bare.publish("hello", "echo hi\n")
    bare.join("w1", bare.token())
    job = bare.start("hello")

    assert bare.status(job) == "JOB_STATUS_NEW"
    assert "no member of group demo is online" in str(bare.job(job)["statusDetails"])
    assert b"no member of group demo is online" in bare.farhand("job", "why", job).out

    bare.agent("w1")
    followed = bare.farhand("job", "follow", job, "--from-start")

    assert followed.out == b"hi\n"
    assert bare.status(job) == "JOB_STATUS_COMPLETED"


def test_the_same_job_id_twice_is_one_job(deployment: Deployment) -> None:
    deployment.publish("hello", "echo hi\n")
    id_ = "018f2b3c-0000-7000-8000-000000000001"

    first = deployment.start("hello", "--job-id", id_)
    second = deployment.start("hello", "--job-id", id_)

    assert first == second == id_


def test_jobs_of_one_group_are_served_in_order(bare: Deployment) -> None:
    bare.publish("stamp", "date +%s%N\n")
    bare.join("w1", bare.token())
    jobs = [bare.start("stamp") for _ in range(5)]

    bare.agent("w1", slots=1)
    stamps = [int(bare.farhand("job", "follow", job, "--from-start").out) for job in jobs]

    assert stamps == sorted(stamps)


def test_a_job_that_failed_says_what_its_script_said_last(deployment: Deployment) -> None:
    deployment.publish(
        "fails",
        "for i in $(seq 2000); do echo out; echo noise $i >&2; done\n"
        "echo '  the disk is full' >&2; exit 7",
    )
    deployment.publish("killed", "echo 'going' >&2; kill -9 $$")
    deployment.publish("fine", "echo 'not an error' >&2")
    told = {}
    for name in ("fails", "killed", "fine"):
        deployment.farhand("start", name, "--run-on", "demo", "--wait")
        told[name] = str(deployment.job(str(deployment.newest()["jobId"])).get("exception", ""))

    lines = told["fails"].splitlines()
    assert lines[-2:] == ["noise 2000", "  the disk is full"]
    assert all(line.startswith("noise") for line in lines[:-1])
    assert 1_900 < len(told["fails"]) <= 2_000
    assert (told["killed"], told["fine"]) == ("going", "")
