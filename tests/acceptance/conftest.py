"""Real processes on loopback: a server, agents that dial out, the operator's command."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.stage import Process, Stage
from tests.support.fault_process import FaultProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: bytes
    err: str


class Deployment(Stage):
    """A stage with what tests ask of it."""

    server: Process

    def call(self, program: str, *arguments: str, stdin: bytes = b"") -> Done:
        """Runs a command to its end, whatever that is."""
        done = subprocess.run(
            self.command(program, *arguments),
            env=self.env,
            input=stdin,
            capture_output=True,
            timeout=90,
            check=False,
        )
        return Done(code=done.returncode, out=done.stdout, err=done.stderr.decode())

    def farhand(self, *arguments: str) -> Done:
        return self.call("farhand", *arguments)

    def json(self, *arguments: str) -> dict[str, object]:
        """The answer of a command as JSON; it must succeed."""
        done = self.farhand("-o", "json", *arguments)

        assert done.code == 0, done.err
        answer: dict[str, object] = json.loads(done.out)
        return answer

    def newest(self) -> dict[str, object]:
        """The job that was started last."""
        done = self.farhand("-o", "json", "job", "list")

        assert done.code == 0, done.err
        newest: dict[str, object] = json.loads(done.out)[0]
        return newest

    def publish(self, name: str, script: str, *, ending: str = ".sh") -> None:
        file = self.root / f"{name}{ending}"
        file.write_text(script)
        done = self.farhand("runbook", "import", str(file), "--publish", "--force")

        assert done.code == 0, done.err

    def start(self, runbook: str, *arguments: str, group: str = "demo") -> str:
        done = self.farhand("start", runbook, "--run-on", group, *arguments)

        assert done.code == 0, done.err
        return done.out.decode().strip()

    def job(self, job: str) -> dict[str, object]:
        return self.json("job", "show", job)

    def prints(self, job: str) -> bool:
        """Whether some of its output has come."""
        return bool(self.farhand("job", "output", job).out)

    def worker(self, name: str) -> dict[str, object]:
        return self.json("worker", "show", name)

    def status(self, job: str) -> str:
        return str(self.job(job)["status"])

    def token(self, *arguments: str, group: str = "demo") -> str:
        return str(self.json("token", "create", "--group", group, *arguments)["token"])

    def add_agent(self, name: str, *, group: str = "demo", slots: int = 4) -> Process:
        """A machine that joins and connects."""
        self.join(name, self.token(group=group), group=group)
        return self.agent(name, slots=slots)

    def agent_by(self, name: str, *starter: str, slots: int = 1) -> Process:
        """A registered agent that another program starts, connected."""
        run = self.command("farhand-agent", "run", "--state", str(self.root / name))
        self.agents[name] = self._start(name, [*starter, *run, "--slots", str(slots)])
        self.agents[name].wait_for("connected")
        return self.agents[name]

    def register(self, name: str, *arguments: str) -> Done:
        """`farhand-agent register` with the deployment's CA, for a state directory `name`."""
        return self.call(
            "farhand-agent",
            "register",
            "--endpoint",
            self.endpoint,
            "--ca",
            str(self.ca),
            "--worker-name",
            name,
            "--state",
            str(self.root / name),
            *arguments,
        )

    @property
    def contexts(self) -> Path:
        return Path(self.env["FARHAND_CONFIG"])

    def path(self) -> FaultProcess:
        """A way to the server that fails when it is told to; to be closed."""
        return FaultProcess(self.endpoint)

    @property
    def ca(self) -> Path:
        return self.root / "server" / "ca.pem"


@pytest.fixture
def bare() -> Iterator[Deployment]:
    """A server of its own, and no agent yet."""
    deployment = Deployment()
    try:
        deployment.server = deployment.serve()
        yield deployment
    finally:
        deployment.clear()


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """A server and one agent in group `demo`, shared by the tests of a file."""
    shared = Deployment()
    try:
        shared.server = shared.serve()
        shared.add_agent("w1")
        yield shared
    finally:
        shared.clear()
