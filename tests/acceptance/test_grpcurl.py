"""The README's grpcurl section, run as it stands with the real grpcurl."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.absent import absent

Client = Callable[[str], str]
ROOT = Path(__file__).parents[2]
PROBE_REFUSED = '{"frames":[{"hello":{"worker_id":"%s","probe":true,"session_token":"fhs_wrong"}}]}'


def commands() -> list[str]:
    """Every line of the section's code blocks."""
    section = (ROOT / "README.md").read_text().split("## grpcurl")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module", autouse=True)
def client() -> Client:
    """grpcurl where it is found, else `buf curl`; finding neither fails in CI."""
    if shutil.which("grpcurl"):
        return grpcurl
    if shutil.which("npx"):
        return buf_curl
    absent("grpcurl or npx", "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest")


def grpcurl(command: str) -> str:
    """A line of the README as it stands."""
    return command


def buf_curl(command: str) -> str:
    """The same request for buf, which is of the same family and names its options otherwise."""
    before, _, call = command.rpartition("grpcurl ")
    words = iter(shlex.split(call))
    options = ["--reflect", "--reflect-header", "*"]
    places: list[str] = []
    for word in words:
        if word == "-cacert":
            options += ["--cacert", next(words)]
        elif word in ("-H", "-d"):
            value = next(words)
            options += [word, "@-" if value == "@" else value]
        else:
            places.append(word)
    address, what = places[0], places[1:]
    if what in (["list"], ["describe", "farhand.v1.JobService"]):
        options.append("--list-services" if what == ["list"] else "--list-methods")
        what = []
    url = "/".join(["https://" + address, *what])
    # Double quotes: the shell still puts variables in their place.
    quoted = " ".join('"' + word.replace('"', '\\"') + '"' for word in [*options, url])
    return f"{before}npx --yes --package @bufbuild/buf@1.75.0 -- buf curl --protocol grpc {quoted}"


def run(
    deployment: Deployment, client: Client, command: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A line of the README, with this deployment's place in place of the README's."""
    here = (
        client(command)
        .replace("localhost:8443", deployment.endpoint)
        .replace("cacert ca.pem", f"cacert {deployment.ca}")
        .replace('cacert" "ca.pem', f'cacert" "{deployment.ca}')
        .replace("./host1", str(deployment.root / "w1"))
        .replace("dc1", "demo")
    )
    environment = deployment.env | variables
    environment["PATH"] = f"{ROOT / '.venv/bin'}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", here],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def token_of(deployment: Deployment) -> str:
    config = Path(deployment.env["FARHAND_CONFIG"]).read_text()
    found = re.search(r'token = "(.+?)"', config)
    assert found
    return found[1]


def test_every_command_of_the_readme_works(deployment: Deployment, client: Client) -> None:
    deployment.publish("hello", "echo hi\n")
    variables = {"FARHAND_TOKEN": token_of(deployment), "JOB": deployment.start("hello")}
    outputs = {}
    for command in commands():
        done = run(deployment, client, command, **variables)

        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        outputs[command] = done.stdout
    text = "\n".join(outputs.values())
    assert "farhand.v1.JobService" in text
    assert "rpc StartJob" in text or "farhand.v1.JobService/StartJob" in text
    assert '"status": "JOB_STATUS_NEW"' in text or '"status": "JOB_STATUS_ACTIVATING"' in text
    assert '"text": "hi\\n"' in text
    assert '"state": "WORKER_STATE_ONLINE"' in text
    assert '"heartbeatAck"' in text


def test_a_probe_shows_a_welcome_and_leaves_the_worker_alone(
    deployment: Deployment, client: Client
) -> None:
    hello = next(command for command in commands() if "session" in command)

    done = run(deployment, client, hello, FARHAND_TOKEN=token_of(deployment))

    assert '"welcome"' in done.stdout
    assert '"heartbeatMs": 10000' in done.stdout
    assert deployment.json("worker", "show", "w1")["state"] == "WORKER_STATE_ONLINE"


def test_a_bad_probe_is_refused_with_a_reason(deployment: Deployment, client: Client) -> None:
    worker = str(deployment.json("worker", "show", "w1")["workerId"])
    line = next(command for command in commands() if "session" in command)
    bad = f"printf '%s' '{PROBE_REFUSED % worker}' | " + line.split(" | ", 1)[1]

    done = run(deployment, client, bad, FARHAND_TOKEN=token_of(deployment))

    assert done.returncode != 0
    assert "authenticated" in done.stderr


def test_without_a_token_nothing_is_reflected(deployment: Deployment, client: Client) -> None:
    done = run(deployment, client, "grpcurl -cacert ca.pem localhost:8443 list")

    assert done.returncode != 0
    assert "authenticated" in done.stderr


def test_start_job_answers_in_the_documented_form(deployment: Deployment, client: Client) -> None:
    deployment.publish("hello", "echo hi\n")
    start = next(command for command in commands() if "StartJob" in command)

    done = run(deployment, client, start, FARHAND_TOKEN=token_of(deployment))

    job = json.loads(done.stdout)["job"]
    assert set(job) >= {"jobId", "runbook", "runOn", "status", "createTime"}
