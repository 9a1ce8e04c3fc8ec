"""Keeps the control plane's own worker running: a process of its own, that gives up root first.

It ends the agent when its standard input ends: with the server, however that ended. Jobs go on in
their runners, and the next agent finds them. Only the standard library is loaded here, all of it
before root is given up: afterwards Python may be out of reach.

It says on standard output, a JSON object a line: `refused` (what, why, do), `wants` ("token"),
`runs` (the user), `ended` (why, in words). It hears tokens, one a line.
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from farhand_server.cloud.user import Refused, User, check_hidden, cloud_user, give_folder

#: The agent's exit code for a worker that the control plane does not know any more.
UNKNOWN = 3
#: What an agent gets to say goodbye.
GRACE_SECONDS = 15.0
COMMAND_SECONDS = 60.0
#: Between two starts: doubled after each failure, until one has lasted.
FIRST_SECONDS, MOST_SECONDS, LASTED_SECONDS = 1.0, 60.0, 60.0
LOG_BYTES = 1024 * 1024


class ServerGone(Exception):
    """Standard input has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the server wants."""

    #: Where identity, jobs and log lie.
    folder: Path
    #: The server's data, which must not be readable.
    data: Path
    endpoint: str
    ca_sha256: str
    group: str
    worker: str

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def registration(self) -> str:
        """What a registration is good for: with another one the agent must register again."""
        return f"{self.endpoint} {self.ca_sha256} {self.group}\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until the server is gone; 1 if it refused to begin."""
    orders = _parse(argv)
    # Whoever ends a whole group of processes ends the server, too, and so this one, in order. A
    # handler, because SIG_IGN would be the agent's as well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        user = cloud_user()
        give_folder(orders.folder, user)
        user.become()
        check_hidden(orders.data, user)
        agent = Agent(orders, user.environment(os.environ, home=orders.folder))
        agent.check(user)
    except Refused as refused:
        _say(refused={"what": refused.what, "why": refused.why, "do": refused.do})
        return 1
    try:
        Keeper(orders, agent, user).run()
    except ServerGone:
        return 0


class Agent:
    """Commands of `farhand-agent`, as they are run here."""

    def __init__(self, orders: Orders, environment: Mapping[str, str]) -> None:
        self._orders = orders
        self._environment = environment

    def check(self, user: User) -> None:
        """Raises Refused if this user cannot run it, or get to its folder."""
        try:
            os.chdir(self._orders.folder)
            self._run("--version").check_returncode()
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused(
                f"user {user.name} cannot run {sys.executable} in {self._orders.folder}",
                why=str(error),
                do="install farhand, and keep its data, where every user may pass (chmod o+x)",
            ) from error

    def register(self, token: str) -> str:
        """Joins the group; why not, in words, or nothing. The token goes through a pipe."""
        orders = self._orders
        try:
            done = self._run(
                "register",
                *("--group", orders.group, "--worker-name", orders.worker),
                *("--endpoint", orders.endpoint, "--ca-sha256", orders.ca_sha256),
                *("--state", str(orders.state), "--token", "-", "--replace"),
                stdin=token,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        return " ".join(done.stderr.split()) if done.returncode else ""

    def start(self, log: Path) -> "subprocess.Popen[bytes]":
        """Serves. What it writes goes to a file: runners that outlive it keep that open. Raises
        OSError."""
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as file:
            return subprocess.Popen(
                self._command("run", "--state", str(self._orders.state)),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def _run(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(*words),
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    @staticmethod
    def _command(*words: str) -> list[str]:
        # Nothing is imported from wherever the server was started.
        return [sys.executable, "-P", "-m", "farhand_agent", *words]


class Keeper:
    """One agent after the other."""

    def __init__(self, orders: Orders, agent: Agent, user: User) -> None:
        self._orders = orders
        self._agent = agent
        self._user = user
        self._heard = b""

    def run(self) -> NoReturn:
        """For ever. Raises ServerGone."""
        pause = FIRST_SECONDS
        while True:
            begun = time.monotonic()
            _say(ended=self._register() or self._serve())
            lasted = time.monotonic() - begun > LASTED_SECONDS
            pause = FIRST_SECONDS if lasted else min(pause * 2, MOST_SECONDS)
            self._wait(pause)

    @property
    def _note(self) -> Path:
        return self._orders.folder / "registration"

    def _register(self) -> str:
        """Why it could not; nothing if it is registered."""
        if self._note.exists() and self._note.read_text() == self._orders.registration:
            return ""
        _say(wants="token")
        if failed := self._agent.register(self._line()):
            return failed
        self._note.write_text(self._orders.registration)
        return ""

    def _serve(self) -> str:
        """How it ended."""
        log = self._orders.folder / "agent.log"
        try:
            agent = self._agent.start(log)
        except OSError as error:
            return str(error)
        _say(runs=self._user.name)
        handle = os.pidfd_open(agent.pid)
        try:
            self._wait(None, handle)
        except ServerGone:
            _end(agent)
            raise
        finally:
            os.close(handle)
        if agent.wait() == UNKNOWN:
            self._note.unlink(missing_ok=True)
        return f"it ended with {agent.returncode}; see {log}"

    def _line(self) -> str:
        while b"\n" not in self._heard:
            self._wait(None)
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def _wait(self, seconds: float | None, handle: int | None = None) -> None:
        """Until time is over, something was heard, or the handle is ready. Raises ServerGone."""
        watched = [0] if handle is None else [0, handle]
        ready, _, _ = select.select(watched, [], [], seconds)
        if 0 in ready:
            heard = os.read(0, 4096)
            if not heard:
                raise ServerGone
            self._heard += heard


def _end(agent: "subprocess.Popen[bytes]") -> None:
    agent.terminate()
    try:
        agent.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def _parse(argv: Sequence[str] | None) -> Orders:
    parser = argparse.ArgumentParser()
    for name in ("folder", "data"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("endpoint", "ca-sha256", "group", "worker"):
        parser.add_argument(f"--{name}", required=True)
    return Orders(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
