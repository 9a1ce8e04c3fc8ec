"""A deployment whose server has a worker of its own, with real users."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.absent import absent

import farhand_agent
import farhand_cli
import farhand_server
import farhand_wire
from farhand_server.cloud.user import NAMES

SOURCES = [
    str(Path(package.__file__ or "").parents[1])
    for package in (farhand_wire, farhand_server, farhand_agent, farhand_cli)
]
#: Where Python finds everything, whoever runs it.
PATH = os.pathsep.join([*SOURCES, *(path for path in sys.path if path.endswith("-packages"))])
FARHAND = {name: name.replace("-", "_") for name in ("farhand-server", "farhand-agent")}


def become(user: str) -> list[str]:
    """Before a command that this user is to run. The shell in between has no rights left over."""
    return ["setpriv", f"--reuid={user}", "--clear-groups", "/bin/sh", "-c", 'exec "$@"', "sh"]


def everybodys_python(user: str) -> str | None:
    """One that this user can run as well, with all that Farhand needs."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    words = ("-P", "-c", "import farhand_agent.__main__, grpc, cryptography")
    for python in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin")):
        if python is not None:
            command = [*become(user), python, *words]
            done = subprocess.run(
                command, env={"PYTHONPATH": PATH}, cwd="/", capture_output=True, check=False
            )
            if done.returncode == 0:
                return python
    return None


class Cloud(Deployment):
    """Its worker is not connected yet."""

    def __init__(self, python: str) -> None:
        super().__init__()
        # Another user than ours must get to what is its own.
        self.root.chmod(0o755)
        self.env["PYTHONPATH"] = PATH
        del self.env["FARHAND_SERVER_NO_CLOUD"]
        self._python = python

    def command(self, program: str, *arguments: str) -> list[str]:
        module = FARHAND.get(program, "farhand_cli")
        return [self._python, "-P", "-m", module, *arguments]

    @property
    def folder(self) -> Path:
        return self.root / "server-cloud"

    def is_connected(self) -> bool:
        done = self.farhand("worker", "list", "-o", "json")
        return "WORKER_STATE_ONLINE" in done.out.decode()

    def keepers(self) -> list[int]:
        """Processes that keep a worker of this deployment."""
        return self._processes_with("farhand_server.cloud.keeper")

    def serving(self) -> list[int]:
        return self._processes_with("farhand_agent")

    def _processes_with(self, module: str) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                ours = any(str(self.folder).encode() in word for word in words)
                if ours and module.encode() in words:
                    found.append(int(entry.name))
        return found

    def clear(self) -> None:
        super().clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_user(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name).pw_uid)
    except KeyError:
        return False


def python_or_skip() -> str:
    """A Python that the worker's user can run; without one, or without rights, the test skips."""
    if os.geteuid() != 0:
        pytest.skip("only root can give the worker another user")
    if shutil.which("setpriv") is None:
        absent("setpriv", "apt-get install util-linux")
    user = next((name for name in NAMES if is_user(name)), None)
    found = None if user is None else everybodys_python(user)
    if found is None:
        # Where the clone lies decides it (a home that others may not enter): no fault of CI.
        pytest.skip(f"no Python here that {' or '.join(NAMES)} can run with Farhand")
    return found


@contextmanager
def serving(python: str) -> Iterator[Cloud]:
    """A server, its worker connected."""
    deployment = Cloud(python)
    try:
        deployment.server = deployment.serve()
        deployment.until("its worker is connected", deployment.is_connected)
        yield deployment
    finally:
        deployment.clear()
