"""The link's side of a runner's socket, as simple as can be: it blocks, with a deadline."""

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from farhand_agent.host import wire
from farhand_agent.host.linux import socket_address
from farhand_agent.host.wire import Kind, Message
from farhand_wire import spool

T = TypeVar("T")
PATIENCE_SECONDS = 20.0


def wait_for(what: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """The first true value of `what`, which is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (value := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} stayed {value!r}")
        time.sleep(0.01)
    return value


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Gone(AssertionError):
    """The runner that was talked to is no more."""


@dataclass(kw_only=True)
class Outcome:
    """What a link has seen of one attempt."""

    data: bytearray = field(default_factory=bytearray)
    start: int = 0
    exited: dict[str, Any] | None = None
    void: str | None = None
    #: Everything else that was said, in order.
    told: list[Kind] = field(default_factory=list)

    def entries(self) -> Iterator[spool.Entry]:
        return spool.entries(bytes(self.data))

    def of(self, kind: spool.Kind) -> bytes:
        return b"".join(entry.payload for entry in self.entries() if entry.kind is kind)

    @property
    def output(self) -> bytes:
        return self.of(spool.Kind.OUTPUT)

    @property
    def error(self) -> bytes:
        return self.of(spool.Kind.ERROR)

    @property
    def code(self) -> int | None:
        assert self.exited is not None
        code = self.exited.get("code")
        return None if code is None else int(code)


class RunnerClient:
    """One connection to a runner."""

    def __init__(self, path: Path) -> None:
        self.inode = path.stat().st_ino
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_SECONDS)
        self.closed = False
        try:
            with socket_address(path) as address:
                self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._decoder = wire.Decoder()
        self._heard: list[Message] = []

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    def leave(self) -> None:
        """Say no more, and be gone once the runner has heard all: of who closes a socket with
        something unread in it the kernel throws away what was said."""
        self._socket.shutdown(socket.SHUT_WR)
        while self.hear() is not None:
            pass
        self.close()

    def send(self, kind: Kind, **fields: Any) -> None:
        self._socket.sendall(wire.pack(kind, **fields))

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self) -> Message | None:
        """The next message; None when the runner has closed the connection."""
        while not self._heard:
            try:
                data = self._socket.recv(1 << 18)
            except ConnectionResetError:  # killed before it had read everything
                data = b""
            if not data:
                return None
            self._heard += self._decoder.feed(data)
        return self._heard.pop(0)

    def expect(self, kind: Kind) -> Message:
        message = self._next()
        assert message.kind is kind, message

        return message

    def _next(self) -> Message:
        message = self.hear()
        if message is None:
            raise Gone("the runner is gone")
        return message

    def state(self) -> dict[str, Any]:
        self.send(Kind.WHAT)
        return self.expect(Kind.STATE).fields

    def start(self, script: str | bytes, **fields: Any) -> str:
        """Send START; the id of the job."""
        job_id = fields.pop("job_id", None) or str(uuid.uuid4())
        values: dict[str, Any] = {
            "job_id": job_id,
            "attempt": 1,
            "runbook": "test",
            "version": 1,
            "type": "bash",
            "parameters_json": "{}",
            "secrets": [],
            "arguments": [],
            "group": "g",
            "worker": "w",
            "stop_grace_ms": 1000,
            "timeout_ms": 0,
        }
        data = script.encode() if isinstance(script, str) else script
        self._socket.sendall(wire.pack_start(data, **(values | fields)))
        return job_id

    def take(self, outcome: Outcome, until: Callable[[Outcome], bool] | None = None) -> Outcome:
        """Receive, giving the credit back, until the exit or until the condition holds."""
        while until is None or not until(outcome):
            message = self._next()
            if message.kind is Kind.DATA:
                if not outcome.data:
                    outcome.start = message.fields["offset"]
                assert message.fields["offset"] == outcome.start + len(outcome.data)
                outcome.data += message.data
                self.send(Kind.CREDIT, credit=len(message.data))
            elif message.kind is Kind.EXITED:
                outcome.exited = message.fields
                return outcome
            elif message.kind is Kind.VOID:
                outcome.void = message.fields["reason"]
                return outcome
            else:
                outcome.told.append(message.kind)
        return outcome

    def ask(self, kind: Kind, answer: Kind, outcome: Outcome) -> Outcome:
        """Send, and receive until that is answered; what comes before it is taken."""
        before = outcome.told.count(answer)
        self.send(kind)
        return self.take(outcome, until=lambda seen: seen.told.count(answer) > before)

    def run(self, script: str | bytes, **fields: Any) -> Outcome:
        """Start and take all of it."""
        self.start(script, **fields)
        return self.take(Outcome())

    def done(self) -> bool:
        """Let the runner forget the attempt; whether it is a spare again."""
        self.send(Kind.DONE)
        while (message := self.hear()) is not None:
            if message.kind is Kind.IDLE:
                return True
        return False
