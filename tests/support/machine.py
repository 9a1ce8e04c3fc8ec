"""A machine and what it does with its state directory, in the order in which commands do it; and a
server for it, with the real rules of session numbers."""

import json
import os
import shutil
import socket
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support import samples
from tests.support.world.rows import GROUP

from farhand_agent.host.door import listen
from farhand_agent.host.lock import StateLock
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.link.identity import Identity, State
from farhand_server.core import numbers
from farhand_server.model.worker import Worker

BOOT = "boot"
ATTEMPT = "0190a0b1-0000-7000-8000-00000000000a.1"
AUTHORITIES = ("authority of one\n", "authority of another\n")
FIRST = samples.worker(group=GROUP, confirmed_number=0, issued_number=1)


class Server:
    """Workers by what their key says; it answers one question after the other."""

    def __init__(self) -> None:
        self.workers: dict[str, Worker] = {}

    def answer(self, words: list[str]) -> object:
        return getattr(self, words[0])(*words[1:])

    def register(self, key: str) -> object:
        """The same key is the same worker."""
        row = self.workers.get(_worker_id(key))
        if row is None:
            row = FIRST
        elif row.confirmed_number:
            row = replace(row, issued_number=row.issued_number + 1)
        self.workers[_worker_id(key)] = row
        return {"worker_id": _worker_id(key), "number": row.issued_number}

    def hello(self, worker_id: str, key: str, number: str) -> object:
        row = self.workers.get(worker_id)
        if row is None or worker_id != _worker_id(key) or not numbers.admits(row, int(number)):
            return {"refused": number}
        self.workers[worker_id] = row = numbers.shown(row, int(number))
        return {"number": row.issued_number}

    def heartbeat(self, worker_id: str, number: str) -> object:
        row = self.workers[worker_id]
        self.workers[worker_id] = numbers.confirmed(row, int(number))
        return {}


def _worker_id(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:12]


class Machine:
    """One life of it: a process. `line`: to the server."""

    def __init__(self, folder: Path, line: socket.socket) -> None:
        self.path = folder / "agent"
        self.state = State(self.path)
        self._line = line.makefile("rwb", buffering=0)

    def join(self, authority: str = AUTHORITIES[0]) -> None:
        self.state.make()
        key = self.state.pending_key()
        given = self._ask("register", key.public.hex())
        identity = Identity(
            worker_id=given["worker_id"],
            worker_name="app01",
            group="dc1",
            account="default",
            endpoint="ctl:8443",
            registered=1,
            session_number=given["number"],
        )
        self.state.commit(identity, key, ca=authority.encode())

    def join_anew(self) -> None:
        self.join(AUTHORITIES[1])

    def be_refused(self) -> None:
        self.state.make()
        self.state.pending_key()
        self.state.drop_pending_key()

    def connect(self) -> None:
        """Raises PermissionError if the server does not let it in."""
        identity = self.state.identity()
        assert identity is not None
        key = self.state.key().public.hex()
        number = self.state.session_number(identity)
        welcome = self._ask("hello", identity.worker_id, key, str(number))
        if "refused" in welcome:
            raise PermissionError(f"refused with {number}")
        self.state.keep_session_number(identity, welcome["number"])
        self._ask("heartbeat", identity.worker_id, str(welcome["number"]))

    def connect_often(self) -> None:
        for _ in range(3):
            self.connect()

    def leave(self) -> None:
        self.state.forget()

    def be_rebooted(self) -> None:
        """Memory is empty, and the disk has output of an attempt."""
        shutil.rmtree(self.path / "sandbox")
        (self.path / "spool" / ATTEMPT).mkdir()

    def host_twice(self) -> dict[str, object]:
        """The journals of two starts, and what they know."""
        journals = [self.begin_to_host(), self.begin_to_host()]
        attempts = [attempt.folder for attempt in self._sandbox.attempts()]
        return {"journals": journals, "attempts": attempts}

    def begin_to_host(self) -> str:
        """What the launcher does before it forks; its journal."""
        with StateLock.hold(self.path) as lock:
            sandbox = self._sandbox
            sandbox.make(BOOT)
            sandbox.restore()
            lock.note("jobs")
            with closing(sandbox.new_home()) as home, closing(listen(home, sandbox)):
                return sandbox.journal_id

    @property
    def _sandbox(self) -> Sandbox:
        return Sandbox(root=self.path / "sandbox", state=self.path)

    def _ask(self, *words: str) -> Any:
        os.write(self._line.fileno(), f"{json.dumps(words)}\n".encode())
        return json.loads(self._line.readline())
