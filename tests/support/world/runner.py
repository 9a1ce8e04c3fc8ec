"""A runner as its socket shows it: one attempt at a time, whatever becomes of the link."""

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.world.translation import spool_id
from tests.support.world.truth import Truth

from farhand_agent.core.frames import AttemptId
from farhand_agent.host.wire import FIRST_CREDIT, Kind, Message, Phase
from farhand_wire import spool

#: Of one DATA message; a link keeps pieces of at most an entry.
DATA_BYTES = 32 * 1024


@dataclass(slots=True, eq=False)
class Conversation:
    """One connection. What the link said before it hung up is heard nevertheless."""

    to_runner: deque[Message] = field(default_factory=deque)
    to_link: deque[Message] = field(default_factory=deque)
    #: The link's end is closed.
    hung_up: bool = False
    #: The runner's end is closed.
    closed: bool = False

    def ask(self, kind: Kind, data: bytes = b"", **fields: Any) -> None:
        """The link says something."""
        if not self.hung_up and not self.closed:
            self.to_runner.append(Message(kind=kind, fields=fields, data=data))

    def tell(self, kind: Kind, data: bytes = b"", **fields: Any) -> None:
        """The runner says something."""
        if not self.hung_up:
            self.to_link.append(Message(kind=kind, fields=fields, data=data))


@dataclass(slots=True, kw_only=True, eq=False)
class Sandbox:
    """What a host knows of one attempt; it outlives links and runners, not the host's memory."""

    id: AttemptId
    phase: Phase = Phase.RUNNING
    reason: str = ""
    data: bytearray = field(default_factory=bytearray)
    freed: int = 0
    exit: spool.Exit | None = None
    #: A STOP has signalled the tree.
    stopping: bool = False
    #: FROZEN or RUNNING: what was asked for, until it is so.
    wish: Phase | None = None
    #: How long it may still run, frozen time not counted; None: for ever.
    left_ms: int | None = None
    timeout_ms: int = 0
    #: Questions of its script so far, those without an answer, and those with one, in order.
    asked: int = 0
    open: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    #: Nobody wants it: it goes as soon as the script has ended.
    unwanted: bool = False

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.phase in (Phase.RUNNING, Phase.FROZEN)

    def write(self, entry: bytes, truth: Truth) -> None:
        self.data += entry
        truth.written[spool_id(self.id)] += entry

    def end(self, exit_: spool.Exit, truth: Truth) -> None:
        """The script is over: its exit is the last entry."""
        self.phase = Phase.EXITED
        self.exit = exit_
        truth.ends[spool_id(self.id)] = exit_
        self.write(spool.pack_exit(exit_, 0), truth)


class Runner:
    """One process; `step` lets it do one thing."""

    def __init__(
        self,
        *,
        truth: Truth,
        begin: Callable[["Runner", Message], Sandbox | None],
        forget: Callable[[Sandbox], None],
        converse: Callable[[], Conversation],
        sandbox: Sandbox | None = None,
    ) -> None:
        """`begin` claims the sandbox of a START, None if the host knows that attempt already;
        `converse` makes the talk of a new link."""
        self.sandbox = sandbox
        self._truth = truth
        self._begin = begin
        self._forget = forget
        self._converse = converse
        self._talk: Conversation | None = None
        self._dialled: deque[Conversation] = deque()
        self._offset: int | None = None
        self._credit = 0

    def dial(self) -> Conversation:
        talk = self._converse()
        self._dialled.append(talk)
        return talk

    def ask(self) -> None:
        """Its script asks for something: to set the variable to the number of the question."""
        assert self.sandbox is not None
        self.sandbox.asked += 1
        self.sandbox.open.append(self.sandbox.asked)
        if self._talk is not None and self._offset is not None:
            self._talk.tell(Kind.ASK, ask=self.sandbox.asked)

    def die(self, *, unsaid: bool = False) -> None:
        """Killed: whoever talked to it notices. `unsaid`: before it said what was not heard yet."""
        for talk in (self._talk, *self._dialled):
            if talk is not None:
                talk.closed = True
                if unsaid:
                    talk.to_link.clear()

    def step(self) -> bool:
        """Does the next thing; False if there was nothing to do."""
        act = self._next()
        if act is not None:
            act()
        return act is not None

    @property
    def is_due(self) -> bool:
        """Whether `step` has something to do."""
        return self._next() is not None

    def promised(self) -> list[AttemptId]:
        """What it was given and has not begun."""
        return [attempt_id(message) for message in self._unheard() if message.kind is Kind.START]

    @property
    def is_let_go(self) -> bool:
        """Whether its link wants nothing more of its attempt, though it does not know yet."""
        return any(message.kind is Kind.DONE for message in self._unheard())

    def _unheard(self) -> list[Message]:
        talks = [talk for talk in (self._talk, *self._dialled) if talk is not None]
        return [message for talk in talks for message in talk.to_runner]

    def _next(self) -> Callable[[], object] | None:
        talk = self._talk
        if talk is not None and talk.to_runner:
            return lambda: self._hear(talk.to_runner.popleft())
        if self._dialled:
            return self._take_call
        return self._delivery()

    def _take_call(self) -> None:
        if self._talk is not None:
            self._talk.closed = True  # the newest is the one that counts, as at a runner's door
        self._talk = self._dialled.popleft()
        self._offset = None

    # --- what a link says -------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        assert self._talk is not None
        match message.kind:
            case Kind.WHAT:
                self._talk.tell(Kind.STATE, **self._state())
            case Kind.START if self.sandbox is None:
                self._start(message)
            case Kind.START:
                self._talk.closed = True
            case _ if self.sandbox is None:
                self._talk.closed = True
            case Kind.READ:
                self._settle()
                self.sandbox.unwanted = False
                self._offset = int(message.fields["offset"])
                self.sandbox.freed = min(self.sandbox.freed, self._offset)
                self._check(self._offset, message.fields["crc"])
                self._credit = int(message.fields["credit"])
                for ask in self.sandbox.open:
                    self._talk.tell(Kind.ASK, ask=ask)
            case Kind.ANSWER:
                if message.fields["ask"] in self.sandbox.open:
                    self.sandbox.open.remove(message.fields["ask"])
                    self.sandbox.answered.append(message.fields["ask"])
            case Kind.CREDIT:
                self._credit += int(message.fields["credit"])
            case Kind.FREE if self.sandbox:
                size = len(self.sandbox.data)
                self.sandbox.freed = max(
                    self.sandbox.freed, min(int(message.fields["durable"]), size)
                )
            case Kind.STOP if self.sandbox and self.sandbox.runs:
                # A stopped process sees the SIGTERM only once it continues.
                self.sandbox.stopping, self.sandbox.phase = True, Phase.RUNNING
                self.sandbox.wish = None
            case Kind.FREEZE | Kind.THAW if self.sandbox.runs and not self.sandbox.stopping:
                freezes = message.kind is Kind.FREEZE
                self.sandbox.wish = Phase.FROZEN if freezes else Phase.RUNNING
            case Kind.DONE if self.sandbox:
                self._done(self.sandbox)

    def _state(self) -> dict[str, Any]:
        if self.sandbox is None:
            return {"job_id": "", "attempt": 0, "phase": Phase.SPARE, "size": 0, "reason": ""}
        return {
            "job_id": self.sandbox.id.job_id,
            "attempt": self.sandbox.id.attempt,
            "phase": self.sandbox.phase,
            "size": len(self.sandbox.data),
            "reason": self.sandbox.reason,
        }

    def _start(self, message: Message) -> None:
        assert self._talk is not None
        self.sandbox = self._begin(self, message)
        if self.sandbox is None:
            self._talk.closed = True
        elif self.sandbox.phase is Phase.VOID:
            self._talk.tell(Kind.VOID, reason=self.sandbox.reason)
        else:
            self._talk.tell(Kind.STARTED)
            self._offset, self._credit = 0, FIRST_CREDIT

    def _check(self, offset: int, crc: int | None) -> None:
        """The link knows what the server holds, or says that it does not."""
        assert self.sandbox is not None
        assert crc in (None, zlib.crc32(memoryview(self.sandbox.data)[:offset]))

    def _settle(self) -> None:
        """Ends the spool of an attempt whose runner was lost."""
        if self.sandbox and self.sandbox.phase is Phase.EXITED and self.sandbox.exit is None:
            lost = spool.Exit(reason=self.sandbox.reason, lost=True)
            self.sandbox.end(lost, self._truth)

    def _done(self, sandbox: Sandbox) -> None:
        if sandbox.runs:
            sandbox.unwanted = True
        else:
            self._clear(sandbox)

    def _clear(self, sandbox: Sandbox) -> None:
        self._forget(sandbox)
        self.sandbox = None
        self._offset = None
        if self._talk is not None:
            self._talk.tell(Kind.IDLE)

    # --- what it says -----------------------------------------------------------------------

    def _stand(self, sandbox: Sandbox, wish: Phase) -> None:
        """What was asked for is so; whoever is there now is told."""
        sandbox.wish = None
        if not sandbox.runs:
            return
        sandbox.phase = wish
        if self._talk is not None:
            self._talk.tell(Kind.FROZEN if wish is Phase.FROZEN else Kind.THAWED)

    def _delivery(self) -> Callable[[], object] | None:
        sandbox = self.sandbox
        if sandbox is None:
            return None
        if sandbox.unwanted and sandbox.phase is Phase.EXITED:
            return lambda: self._clear(sandbox)
        if (wish := sandbox.wish) is not None:
            return lambda: self._stand(sandbox, wish)
        if self._talk is None or self._offset is None:
            return None
        offset = max(self._offset, sandbox.freed)
        data = bytes(sandbox.data[offset:])
        if size := spool.whole(data, min(self._credit, DATA_BYTES)):
            return lambda: self._send(offset, data[:size])
        if sandbox.exit is not None and not data:
            return lambda: self._send_end(sandbox)
        return None

    def _send(self, offset: int, data: bytes) -> None:
        assert self._talk is not None
        self._talk.tell(Kind.DATA, data, offset=offset)
        self._offset = offset + len(data)
        self._credit -= len(data)

    def _send_end(self, sandbox: Sandbox) -> None:
        assert self._talk is not None and sandbox.exit is not None
        self._talk.tell(Kind.EXITED, **_exited(sandbox, sandbox.exit))
        self._offset = None


def attempt_id(message: Message) -> AttemptId:
    """Of a START."""
    return AttemptId(str(message.fields["job_id"]), int(message.fields["attempt"]))


def _exited(sandbox: Sandbox, exit_: spool.Exit) -> dict[str, Any]:
    return {
        "code": exit_.code,
        "signal": exit_.signal,
        "reason": exit_.reason,
        "stopped": exit_.stopped,
        "lost": exit_.lost,
        "size": len(sandbox.data),
        "crc": zlib.crc32(sandbox.data),
    }
