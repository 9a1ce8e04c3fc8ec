"""An agent's root half under test: started, killed, started again on the same directories."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.support.host_agent import only
from tests.support.leftovers import end_jobs
from tests.support.runner_client import RunnerClient, wait_for

from farhand_agent.host.cgroup import Cgroup, NoCgroups
from farhand_agent.host.home import Home
from farhand_agent.host.sandbox import AttemptId, Sandbox


class HostProcess:
    """A launcher with its runners."""

    def __init__(
        self,
        *,
        state: Path,
        sandbox: Path,
        link_user: str = "",
        kinds: str = "cgroup2,freezer,pids",
        program: str = "tests.support.host_agent",
    ) -> None:
        self.state = state
        self._program = program
        self._link_user = link_user
        #: The hierarchies of control groups that it knows.
        self.kinds = kinds
        self.sandbox = Sandbox(root=sandbox, state=state)
        self.clients: list[RunnerClient] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.state / "log").read_text()

    @property
    def diary(self) -> list[str]:
        """What the link wrote down."""
        with suppress(FileNotFoundError):
            return (self.state / "diary").read_text().splitlines()
        return []

    def start(self) -> None:
        with (self.state / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    self._program,
                    os.fspath(self.state),
                    os.fspath(self.sandbox.root),
                    self._link_user,
                    self.kinds,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(20)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def spares(self) -> list[Path]:
        return [a.socket for a in self.sandbox.addresses() if a.attempt is None]

    def spare(self) -> RunnerClient:
        """A connection to a spare runner that no other client has."""
        return wait_for(self._free_spare)

    def socket_of(self, client: RunnerClient) -> Path:
        """Where the spare listens that a client talks to."""
        for path in self.spares():
            with suppress(FileNotFoundError):
                if path.stat().st_ino == client.inode:
                    return path
        raise LookupError("that runner is no spare")

    def dial(self, job_id: str, attempt: int = 1) -> RunnerClient:
        """A connection to the runner of an attempt, once there is one."""
        path = self.sandbox.attempt_path(AttemptId(job_id=job_id, attempt=attempt)) / "sock"
        return wait_for(lambda: self._connect(path))

    def home(self, job_id: str, attempt: int = 1) -> Path:
        return self.sandbox.attempt_path(AttemptId(job_id=job_id, attempt=attempt))

    def runner(self, socket: Path) -> int:
        """Process number of who listens there, once it has said so."""
        return wait_for(lambda: Home.runner(socket.parent))

    def runner_of(self, job_id: str) -> int:
        """Process number of the runner that serves a job."""
        return self.runner(self.home(job_id) / "sock")

    def cgroups(self) -> list[Cgroup]:
        """The control groups of runners that are gone."""
        try:
            return list(only(self.kinds.split(","), self.state).dead())
        except NoCgroups:
            return []

    def clean_up(self) -> None:
        """End everything that was started, jobs and their runners included."""
        end_jobs(self.sandbox)
        for client in self.clients:
            client.close()
        if self._process is not None and self._process.poll() is None:
            self.stop()
        for address in self.sandbox.addresses():
            if (pid := Home.runner(address.socket.parent)) and not is_free(address.socket.parent):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                wait_for(partial(is_free, address.socket.parent))
        for group in self.cgroups():
            group.end(5)
        shutil.rmtree(self.sandbox.root, ignore_errors=True)

    def _free_spare(self) -> RunnerClient | None:
        # A new connection would end the one that a client has: a socket is known by its inode.
        taken = {client.inode for client in self.clients if not client.closed}
        for path in self.spares():
            with suppress(FileNotFoundError):
                if path.stat().st_ino not in taken:
                    return self._connect(path)
        return None

    def _connect(self, path: Path) -> RunnerClient | None:
        try:
            client = RunnerClient(path)
        except OSError:
            return None
        self.clients.append(client)
        return client


def is_free(folder: Path) -> bool:
    """Whether no living process holds the folder of a runner."""
    home = Home.hold(folder)
    if home is not None:
        home.close()
    return home is not None
