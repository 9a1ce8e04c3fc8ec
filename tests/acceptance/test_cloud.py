"""Jobs that name no group, on the control plane's own worker, with real users."""

import json
import os
import pwd
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.cloud import Cloud, become, is_user, python_or_skip, serving

from farhand_server.cloud.user import NAMES


@pytest.fixture(scope="module")
def python() -> str:
    return python_or_skip()


@pytest.fixture
def cloud(python: str) -> Iterator[Cloud]:
    with serving(python) as cloud:
        yield cloud


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


LOOK = """id -u
cat {data}/master.key || true
ls {data} || true
"""
SLOW = """echo begun
until test -e {gate}; do sleep 0.05; done
echo done
"""


def test_a_job_without_a_group_runs_without_rights_and_sees_nothing_of_the_server(
    cloud: Cloud,
) -> None:
    cloud.publish("look", LOOK.format(data=cloud.root / "server"))
    done = cloud.farhand("start", "look", "--follow")
    job = cloud.newest()

    assert done.code == 0, done.err
    user = next(name for name in NAMES if is_user(name))
    assert done.out.decode().split() == [str(pwd.getpwnam(user).pw_uid)]
    assert done.err.count("Permission denied") == 2
    assert (job["runOn"], job["timeout"]) == ("cloud", "10800s")
    assert oct(cloud.folder.stat().st_mode)[-3:] == "700"


def test_no_token_is_in_arguments_environments_files_or_logs(cloud: Cloud) -> None:
    processes = [*cloud.keepers(), *cloud.serving()]
    seen = [Path(f"/proc/{pid}/{of}") for pid in processes for of in ("cmdline", "environ")]
    files = [path for path in cloud.root.rglob("*") if path.is_file() and path.suffix != ".toml"]

    assert len(processes) >= 2
    for path in [*seen, *files]:
        content = path.read_bytes()
        assert b"fht_" not in content, path
        if path in seen:
            assert b"FARHAND_" not in content and b"fh_" not in content, path


def test_jobs_go_on_over_a_restart_of_the_server(cloud: Cloud) -> None:
    gate = cloud.root / "gate"
    cloud.publish("slow", SLOW.format(gate=gate))
    job = cloud.farhand("start", "slow").out.decode().strip()
    cloud.until("it has begun", lambda: cloud.prints(job))
    worker = cloud.worker("control-plane")
    cloud.server.terminate()
    assert (cloud.keepers(), len(cloud.serving()) > 0) == ([], True)  # a runner is still there

    cloud.server = cloud.resume()
    gate.write_text("")
    done = cloud.farhand("job", "follow", job)

    assert (done.code, done.out) == (0, b"begun\ndone\n"), done.err
    assert cloud.job(job)["attempt"] == 1
    assert cloud.worker("control-plane")["workerId"] == worker["workerId"]


def test_a_server_that_is_killed_takes_its_agent_with_it_and_no_job(cloud: Cloud) -> None:
    gate = cloud.root / "gate"
    cloud.publish("slow", SLOW.format(gate=gate))
    job = cloud.farhand("start", "slow").out.decode().strip()
    cloud.until("it has begun", lambda: cloud.prints(job))
    os.kill(cloud.server.pid, signal.SIGKILL)
    cloud.until("the keeper has ended", lambda: not cloud.keepers())

    cloud.server = cloud.resume()
    gate.write_text("")
    done = cloud.farhand("job", "follow", job)

    assert (done.code, done.out) == (0, b"begun\ndone\n"), done.err


def test_an_agent_that_dies_is_started_again(cloud: Cloud) -> None:
    (keeper,) = cloud.keepers()
    (agent,) = children(keeper)
    os.kill(agent, signal.SIGKILL)
    cloud.until("there is another one", lambda: children(keeper) not in ([], [agent]))
    cloud.publish("hello", "echo hi\n")

    assert cloud.farhand("start", "hello", "--follow").out == b"hi\n"


def test_a_worker_that_was_deleted_joins_again(cloud: Cloud) -> None:
    before = cloud.worker("control-plane")["workerId"]
    assert cloud.farhand("worker", "delete", "control-plane", "--force").code == 0

    def is_another() -> bool:
        done = cloud.farhand("worker", "show", "control-plane", "-o", "json")
        return done.code == 0 and json.loads(done.out)["workerId"] != before

    cloud.until("it has joined again", is_another)


def test_a_job_says_why_it_waits_where_there_is_no_cloud(bare: Deployment) -> None:
    bare.publish("hello", "echo hi\n")
    job = bare.farhand("start", "hello").out.decode().strip()
    why = bare.farhand("job", "why", job)

    assert "no worker of group cloud is online" in why.out.decode()
    assert "--no-cloud" in why.out.decode()
    assert "do: name a group: farhand start RUNBOOK --run-on GROUP" in why.out.decode()


def test_a_server_without_rights_has_no_worker_and_says_what_to_do(python: str) -> None:
    user = next(name for name in NAMES if is_user(name))
    deployment = Cloud(python)
    try:
        shutil.chown(deployment.root, user)
        deployment.env["HOME"] = str(deployment.root)
        command = deployment.command
        deployment.command = lambda *words: [*become(user), *command(*words)]  # type: ignore[method-assign]
        deployment.server = deployment.serve()
        job = _started(deployment)
        deployment.until("it is told", lambda: b"no_cloud" in _why(deployment, job))
        text = json.loads(_why(deployment, job))["message"]

        assert "it does not run as root; jobs would run as its own user" in text
        assert "no cloud worker" in (deployment.root / "server.log").read_text()
    finally:
        deployment.clear()


def _started(deployment: Deployment) -> str:
    deployment.publish("hello", "echo hi\n")
    return deployment.farhand("start", "hello").out.decode().strip()


def _why(deployment: Deployment, job: str) -> bytes:
    return deployment.farhand("job", "why", job, "-o", "json").out
