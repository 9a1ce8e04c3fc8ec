"""The processes of a chaos run: one server, some agents, and a wire to each that can fail."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from demo.sockets import tree
from demo.stage import Stage, children
from tests.chaos.disk import SmallDisk, small_disk
from tests.support.fault_proxy import FaultProxy

from farhand_agent.host.ground import root_half, sandbox_root
from farhand_agent.host.home import Home
from farhand_agent.host.process import alive
from farhand_agent.host.sandbox import AttemptId, Sandbox

GROUP = "chaos"
SLOTS = 4
#: Sizes of the file systems below the server's data and each agent's state.
SERVER_MEGABYTES = 512
AGENT_MEGABYTES = 64
#: A process that was told to end and did not is killed after this.
END_SECONDS = 30.0
LINK = "farhand-link"


class Actor:
    """A process that is started again and again; its log goes on."""

    def __init__(self, name: str, command: list[str], *, log: Path, env: dict[str, str]) -> None:
        self.name = name
        self.log = log
        #: Whoever does something to it holds this.
        self.busy = asyncio.Lock()
        #: Exit codes of ends that were asked for and were not 0.
        self.complaints: list[str] = []
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        if self.pid is None:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def terminate(self) -> None:
        """Ends it in order; complains about one that does not."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            self.complaints.append(f"{self.name} did not end within {END_SECONDS:.0f} s of SIGTERM")
            await self.kill()
            return
        if code:
            self.complaints.append(f"{self.name} ended with {code} after SIGTERM")


class Agent(Actor):
    """One worker of this machine, behind a proxy of its own."""

    def __init__(
        self, name: str, stage: "ChaosStage", proxy: FaultProxy, disk: SmallDisk | None
    ) -> None:
        self.state = stage.root / name / "state"
        self.disk = disk
        #: Whoever does something to the disk holds this.
        self.disk_busy = asyncio.Lock()
        self.proxy = proxy
        #: Whoever does something to the proxy holds this.
        self.wire_busy = asyncio.Lock()
        command = stage.command(
            "farhand-agent", "run", "--state", str(self.state), "--slots", str(SLOTS)
        )
        super().__init__(name, command, log=stage.root / f"{name}.log", env=stage.env)
        root = sandbox_root(self.state, environ=stage.env)
        self.sandbox = Sandbox(root=root, state=root_half(self.state))

    @property
    def link(self) -> int | None:
        """The process of its network half."""
        pid = self.pid
        with contextlib.suppress(OSError, IndexError):
            return children(pid, LINK)[0] if pid is not None else None
        return None

    def runners(self) -> Iterator[tuple[AttemptId, int]]:
        """The attempts that it knows and who serves them."""
        for attempt in self.sandbox.attempts():
            runner = Home.runner(self.sandbox.attempt_path(attempt))
            if runner is not None and alive(runner):
                yield attempt, runner

    async def kill_all(self) -> None:
        """Everything but runners, as if their group had been killed."""
        if (link := self.link) is not None:
            send(link, signal.SIGKILL)
        await self.kill()


class ChaosStage(Stage):
    """A server that listens where it always did, agents, and the operators' own wire."""

    def __init__(self) -> None:
        super().__init__()
        self.data = self.root / "server" / "data"
        #: What the server's data lies on, where it can be made so small that it may be full.
        self.disk: SmallDisk | None = None
        self.witness = self.root / "witness"
        self.port = int(self.endpoint.rpartition(":")[2])
        self._to = ("127.0.0.1", self.port)
        command = self.command(
            "farhand-server", "run", "--data", str(self.data), "--listen", self.endpoint
        )
        self.server = Actor("server", command, log=self.root / "server.log", env=self.env)
        self.operators = FaultProxy(self._to)
        self.cast: list[Agent] = []
        #: True: the directory stays when the play is over, for who wants to know more.
        self.keep = False

    @contextlib.asynccontextmanager
    async def playing(self, agents: int) -> AsyncIterator["ChaosStage"]:
        """With a server, and so many agents that have joined and do not run yet."""
        try:
            async with contextlib.AsyncExitStack() as wires:
                self.disk = wires.enter_context(
                    small_disk(self.data.parent, megabytes=SERVER_MEGABYTES)
                )
                await asyncio.to_thread(self._initialise)
                await wires.enter_async_context(self.operators.serving())
                self.server.start()
                await asyncio.to_thread(self.until, "the server answers", self._answers)
                for number in range(1, agents + 1):
                    name = f"agent{number}"
                    proxy = await wires.enter_async_context(FaultProxy(self._to).serving())
                    disk = wires.enter_context(
                        small_disk(self.root / name, megabytes=AGENT_MEGABYTES)
                    )
                    agent = Agent(name, self, proxy, disk)
                    await asyncio.to_thread(self._join, agent)
                    self.cast.append(agent)
                wires.callback(self._save)
                wires.push_async_callback(self._stop_all)
                yield self
        finally:
            await self._clear()

    def _initialise(self) -> None:
        self.run("farhand-server", "init", "--data", str(self.data), "--listen", self.endpoint)
        remember_moves(self.data / "farhand.db")

    def _join(self, agent: Agent) -> None:
        made = self.run("farhand", "-o", "json", "token", "create", "--group", GROUP)
        self.run(
            "farhand-agent", "register", "--group", GROUP,
            "--endpoint", f"localhost:{agent.proxy.port}", "--ca", str(self.data / "ca.pem"),
            "--token", json.loads(made)["token"], "--worker-name", agent.name,
            "--state", str(agent.state),
        )  # fmt: skip

    async def _stop_all(self) -> None:
        """Ends what still runs, by its number."""
        for actor in (*self.cast, self.server):
            if actor.pid is not None:
                for pid in tree(actor.pid):
                    send(pid, signal.SIGCONT)
            await actor.kill()
        for agent in self.cast:
            for _, runner in agent.runners():
                send(runner, signal.SIGKILL)
        for pid in self._runners():
            send(pid, signal.SIGKILL)

    def _save(self) -> None:
        """What lies on a file system that is about to go."""
        if self.keep and self.disk is not None:
            shutil.copytree(self.data, self.root / "data")

    async def _clear(self) -> None:
        if not self.keep:
            await self._stop_all()
            await asyncio.to_thread(self.clear)


def remember_moves(state: Path) -> None:
    """Lets the database itself keep every change of status, in the transaction that makes it."""
    with contextlib.closing(sqlite3.connect(state)) as database:
        database.executescript(
            """
            CREATE TABLE chaos_moves (
                number INTEGER PRIMARY KEY, job TEXT, status INTEGER, attempt INTEGER
            );
            CREATE TRIGGER chaos_added AFTER INSERT ON jobs BEGIN
                INSERT INTO chaos_moves (job, status, attempt)
                VALUES (new.id, new.status, new.attempt);
            END;
            CREATE TRIGGER chaos_moved AFTER UPDATE OF status, attempt ON jobs
            WHEN old.status <> new.status OR old.attempt <> new.attempt BEGIN
                INSERT INTO chaos_moves (job, status, attempt)
                VALUES (new.id, new.status, new.attempt);
            END;
            """
        )


def send(pid: int, number: int) -> None:
    """Signals a process, unless it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
