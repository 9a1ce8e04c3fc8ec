"""The stage: a server and its agents as real processes, ended by pid when the curtain falls."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
#: How long anything may take to come up, in seconds.
PATIENCE = 30.0


class Failure(Exception):
    """Something did not happen; the text says what and where to look."""


class Process:
    """A process whose lines are kept; `wait_for` blocks until one of them is there."""

    def __init__(self, *, name: str, command: list[str], log: Path, env: dict[str, str]) -> None:
        self.name = name
        self._log = log
        self._lines: list[str] = []
        self._news = threading.Condition()
        with log.open("ab") as stderr:
            self._popen = subprocess.Popen(
                command, env=env, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def lines(self) -> list[str]:
        """What it has printed so far."""
        with self._news:
            return list(self._lines)

    def wait_for(self, text: str) -> None:
        """Until a line of its standard output holds `text`. Raises Failure after PATIENCE."""

        def there() -> bool:
            return any(text in line for line in self._lines) or self._popen.poll() is not None

        with self._news:
            self._news.wait_for(there, timeout=PATIENCE)
            if not any(text in line for line in self._lines):
                tail = "".join(self._log.read_text().splitlines(keepends=True)[-8:])
                raise Failure(f"{self.name} did not come up; the end of {self._log}:\n{tail}")

    def kill(self) -> None:
        """Ends it without a warning, as a crash would; also its child, the network half."""
        for pid in [*children(self.pid, "farhand-link"), self.pid]:
            os.kill(pid, signal.SIGKILL)
        self._popen.wait()

    def terminate(self) -> None:
        """Ends it in order, or not, after ten seconds."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._popen.kill()

    def wait(self) -> None:
        """Until it has ended and its last line was read."""
        self._popen.wait()
        self._reader.join(timeout=PATIENCE)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as lines:
            for line in lines:
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._popen.wait()
            self._news.notify_all()


class Stage:
    """Everything that the demo starts, below one temporary directory."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="farhand-demo-"))
        self.endpoint = f"localhost:{_free_port()}"
        self.env = {
            **os.environ,
            "FARHAND_CONFIG": str(self.root / "config.toml"),
            "PYTHONUNBUFFERED": "1",
        }
        for name in [name for name in self.env if name.startswith("FARHAND_")]:
            if name != "FARHAND_CONFIG":
                del self.env[name]
        # Agents are what it shows: the server needs none of its own.
        self.env["FARHAND_SERVER_NO_CLOUD"] = "yes"
        self._processes: list[Process] = []
        self.agents: dict[str, Process] = {}

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).parent / program), *arguments]

    def run(self, program: str, *arguments: str) -> str:
        """Runs a command to its end; gives its standard output. Raises Failure."""
        done = subprocess.run(
            self.command(program, *arguments),
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"{program} {arguments[0]} failed:\n{done.stderr}")
        return done.stdout

    def serve(self) -> Process:
        """The control plane, made new and ready to take calls."""
        data = str(self.root / "server")
        self.run("farhand-server", "init", "--data", data, "--listen", self.endpoint)
        return self.resume()

    def resume(self) -> Process:
        """The control plane on the data that is there."""
        data = str(self.root / "server")
        command = self.command("farhand-server", "run", "--data", data, "--listen", self.endpoint)
        server = self._start("server", command)
        self.until("the server answers", lambda: self._answers())
        return server

    def join(self, name: str, token: str, *, group: str = "demo") -> None:
        """Registers a machine in a group."""
        self.run(
            "farhand-agent", "register", "--group", group, "--endpoint", self.endpoint,
            "--ca", str(self.root / "server" / "ca.pem"), "--token", token,
            "--worker-name", name, "--state", str(self.root / name),
        )  # fmt: skip

    def agent(self, name: str, *, slots: int = 1) -> Process:
        """A registered agent, connected."""
        agent = self.launch(name, slots=slots)
        agent.wait_for("connected")
        return agent

    def launch(self, name: str, *, slots: int = 1) -> Process:
        """An agent that may be refused."""
        command = self.command(
            "farhand-agent", "run", "--state", str(self.root / name), "--slots", str(slots)
        )
        self.agents[name] = self._start(name, command)
        return self.agents[name]

    def until(self, what: str, true: Callable[[], bool]) -> None:
        """Waits for a condition. Raises Failure after PATIENCE."""
        pause = threading.Event()
        for _ in range(int(PATIENCE / 0.05)):
            if true():
                return
            pause.wait(0.05)
        raise Failure(f"waited {PATIENCE:.0f} s in vain until {what}; logs: {self.root}")

    def clear(self) -> None:
        """Ends everything that was started, newest first, and removes the directory."""
        for process in reversed(self._processes):
            process.terminate()
        for pid in self._runners():
            os.kill(pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def _runners(self) -> list[int]:
        """Runners that outlived their agent, as they should, and whose story ends here."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if f"{self.root}/".encode() in (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
        return found

    def _start(self, name: str, command: list[str]) -> Process:
        process = Process(name=name, command=command, log=self.root / f"{name}.log", env=self.env)
        self._processes.append(process)
        return process

    def _answers(self) -> bool:
        done = subprocess.run(
            self.command("farhand", "group", "list"),
            env=self.env,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


def children(pid: int, title: str) -> list[int]:
    """Children of a process whose command name is `title`."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == title:
                found.append(int(child))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
