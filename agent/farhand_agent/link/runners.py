"""The runners of this host: those that serve an attempt, and the spares that wait for one."""

import asyncio
import itertools
from collections import deque
from pathlib import Path
from typing import Any, Protocol

from farhand_agent.core import effects
from farhand_agent.core.events import (
    RunnerAsked,
    RunnerAsks,
    RunnerData,
    RunnerEvent,
    RunnerExited,
    RunnerFrozen,
    RunnerGone,
    RunnerStarted,
    RunnerState,
    RunnerThawed,
    RunnerVoid,
)
from farhand_agent.core.frames import AttemptId, Exit, Phase
from farhand_agent.core.journal import Journal
from farhand_agent.host import wire
from farhand_agent.host.home import SOCKET
from farhand_agent.host.sandbox import Address, Sandbox
from farhand_agent.host.sandbox import AttemptId as Folder
from farhand_agent.link import asks
from farhand_agent.link.conversation import Conversation

#: Spares that are known before a job comes; the launcher keeps as many.
ENOUGH = 2
#: Between two dials of a runner that does not listen yet.
REDIAL_SECONDS = 0.02
REDIAL_SECONDS_MOST = 1.0


class Listener(Protocol):
    """Who hears what runners say."""

    def feed(self, event: RunnerEvent) -> None: ...


class Runners:
    """Carries out what the rules want of runners, and tells them what runners say."""

    def __init__(
        self, *, sandbox: Sandbox, journal: Journal, worker_name: str, listener: Listener
    ) -> None:
        self._sandbox = sandbox
        self._journal = journal
        self._worker_name = worker_name
        self._feed = listener.feed
        self._serials = itertools.count(1)
        self._attempts: dict[AttemptId, Conversation] = {}
        self._spares: deque[Conversation] = deque()
        #: Everything that was dialled and not hung up. A runner is known by the inode of its
        #: socket: its folder is renamed when it takes a job and when it is a spare again.
        self._open: set[Conversation] = set()
        self._waiting: deque[effects.StartRunner] = deque()
        #: There may be spares that nobody talks to.
        self._hinted = False
        self._dials: set[asyncio.Task[None]] = set()

    # ---- finding runners -------------------------------------------------------------------

    def survey(self) -> None:
        """Asks every runner of the host what it does."""
        for address in self._sandbox.addresses():
            self._find(address)

    def hinted(self) -> None:
        """There may be a new spare. A spare that comes back from a job says so itself, so there is
        no need to look as long as enough are known."""
        self._hinted = True
        if len(self._spares) < ENOUGH:
            self._look()

    def _look(self) -> None:
        self._hinted = False
        for address in self._sandbox.addresses():
            if address.attempt is None:
                self._find(address)

    def hang_up(self) -> None:
        """Ends every conversation; the runners live on."""
        for dial in self._dials:
            dial.cancel()
        for conversation in self._open:
            conversation.hang_up()

    def _find(self, address: Address) -> None:
        if address.attempt is not None:
            self.dial(AttemptId(address.attempt.job_id, address.attempt.attempt))
        else:
            self._find_spare(address.socket)

    def _find_attempts(self) -> None:
        """A spare that is gone may have begun an attempt that an earlier link had given it: it must
        be known before anybody relies on the journal."""
        talked_to = {conversation.id for conversation in self._open}
        for address in self._sandbox.addresses():
            id_ = address.attempt and AttemptId(address.attempt.job_id, address.attempt.attempt)
            if id_ and id_ not in talked_to:
                self.dial(id_)

    def _find_spare(self, path: Path) -> None:
        try:
            inode = path.stat().st_ino
        except FileNotFoundError:
            return  # it has a job now
        if all(conversation.inode != inode for conversation in self._open):
            conversation = self._conversation()
            conversation.inode = inode
            self._begin(conversation, path)

    # ---- what the rules want ---------------------------------------------------------------

    def start(self, order: effects.StartRunner) -> None:
        """Gives an attempt to a spare runner, as soon as there is one."""
        if not self._spares:
            self._waiting.append(order)
            return
        conversation = self._spares.popleft()
        if self._hinted and len(self._spares) < ENOUGH:
            self._look()
        grant = order.grant
        conversation.id = grant.id
        self._attempts[grant.id] = conversation
        conversation.say(
            wire.pack_start(
                order.script,
                job_id=grant.id.job_id,
                attempt=grant.id.attempt,
                runbook=grant.runbook,
                version=grant.runbook_version,
                type=grant.runbook_type or "",
                parameters_json=grant.parameters_json,
                arguments=grant.arguments,
                group=grant.group,
                worker=self._worker_name,
                stop_grace_ms=grant.stop_grace_ms,
                timeout_ms=grant.timeout_ms,
                secrets=grant.secrets,
                run_as=grant.run_as,
            )
        )

    def dial(self, id_: AttemptId) -> None:
        """Begins a new conversation with the attempt's runner."""
        old = self._attempts.pop(id_, None)
        if old is not None:
            self._forget(old)
        conversation = self._conversation(old.serial if old else None)
        conversation.id = id_
        self._attempts[id_] = conversation
        self._begin(conversation, self._socket(id_))

    def finish(self, id_: AttemptId, stop_grace_ms: int | None) -> None:
        """Lets the attempt's sandbox go, and ends its script first if it still runs. One that still
        waits for a spare is not begun any more."""
        self._waiting = deque(order for order in self._waiting if order.grant.id != id_)
        parting = wire.pack(wire.Kind.DONE)
        if stop_grace_ms is not None:
            parting = wire.pack(wire.Kind.STOP, grace_ms=stop_grace_ms) + parting
        if conversation := self._attempts.pop(id_, None):
            conversation.parting = parting
            conversation.say(parting)
        elif self._journal.knows(id_):
            self._part(id_, parting)

    def say(self, id_: AttemptId, kind: wire.Kind, **fields: int) -> None:
        """Says it to the attempt's runner, if there is a conversation."""
        if conversation := self._attempts.get(id_):
            conversation.say(wire.pack(kind, **fields))

    def answer(self, id_: AttemptId, ask: int, answer: bytes) -> None:
        """Passes the server's answer on; a runner that is not talked to asks again."""
        if conversation := self._attempts.get(id_):
            conversation.say(wire.pack_answer(ask, answer))

    def take(self, id_: AttemptId, size: int) -> bytes:
        """The next `size` bytes of the attempt's spool, which were reported as RunnerData."""
        return self._attempts[id_].take(size)

    # ---- conversations ---------------------------------------------------------------------

    def _conversation(self, serial: int | None = None) -> Conversation:
        return Conversation(
            serial=serial or next(self._serials), heard=self._heard, ended=self._ended
        )

    def _socket(self, id_: AttemptId) -> Path:
        folder = Folder(job_id=id_.job_id, attempt=id_.attempt)
        return self._sandbox.attempt_path(folder) / SOCKET

    def _begin(self, conversation: Conversation, path: Path) -> None:
        self._open.add(conversation)
        if not conversation.parting:
            self._feed(RunnerAsked(runner=conversation.serial, id=conversation.id))
        dial = asyncio.get_running_loop().create_task(self._dial(conversation, path))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)

    async def _dial(self, conversation: Conversation, path: Path) -> None:
        """Until somebody listens; a lost runner is replaced by one that recovers its sandbox."""
        pause = REDIAL_SECONDS
        while not await conversation.dial(path):
            if conversation not in self._open:
                return
            if conversation.id is None or not self._journal.knows(conversation.id):
                self._ended(conversation)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, REDIAL_SECONDS_MOST)
        if conversation in self._open:
            conversation.say(wire.pack(wire.Kind.WHAT))
        else:
            conversation.hang_up()  # another one took its place meanwhile

    def _forget(self, conversation: Conversation) -> None:
        conversation.hang_up()
        self._open.discard(conversation)

    def _ended(self, conversation: Conversation) -> None:
        if conversation not in self._open:
            return
        self._forget(conversation)
        id_ = conversation.id
        if conversation in self._spares:
            self._spares.remove(conversation)
        if id_ is not None and self._attempts.get(id_) is conversation:
            del self._attempts[id_]
        if id_ is None:
            self._find_attempts()
        self._feed(RunnerGone(runner=conversation.serial, id=id_))
        if id_ is not None and conversation.parting and self._journal.knows(id_):
            # Lost before it had cleared the sandbox; another runner will serve that.
            self._part(id_, conversation.parting)

    def _part(self, id_: AttemptId, parting: bytes) -> None:
        conversation = self._conversation()
        conversation.id = id_
        conversation.parting = parting
        self._begin(conversation, self._socket(id_))

    # ---- what runners say ------------------------------------------------------------------

    def _heard(self, conversation: Conversation, message: wire.Message) -> None:
        fields = message.fields
        if message.kind is wire.Kind.STATE and fields["job_id"]:
            self._serves(conversation, fields)
            return
        if message.kind in (wire.Kind.STATE, wire.Kind.IDLE):
            self._idle(conversation)
            return
        id_ = conversation.id
        if id_ is None or conversation.parting:
            return
        match message.kind:
            case wire.Kind.DATA:
                self._data(conversation, id_, fields["offset"], message.data)
            case wire.Kind.STARTED:
                self._feed(RunnerStarted(id=id_))
            case wire.Kind.FROZEN:
                self._feed(RunnerFrozen(id=id_))
            case wire.Kind.THAWED:
                self._feed(RunnerThawed(id=id_))
            case wire.Kind.VOID:
                self._feed(RunnerVoid(id=id_, reason=fields["reason"]))
            case wire.Kind.ASK:
                self._asks(conversation, id_, fields["ask"], fields["question"])
            case wire.Kind.EXITED:
                self._feed(_exited(id_, fields))
            case _:
                raise wire.WireError(f"a runner does not say {message.kind.name}")

    def _asks(
        self, conversation: Conversation, id_: AttemptId, ask: int, question: dict[str, Any]
    ) -> None:
        try:
            wanted = asks.question(question)
        except asks.BadQuestion as error:
            refusal = asks.refused("INVALID_REQUEST", str(error))
            conversation.say(wire.pack_answer(ask, refusal))
        else:
            self._feed(RunnerAsks(id=id_, ask=ask, question=wanted))

    def _serves(self, conversation: Conversation, fields: dict[str, Any]) -> None:
        id_ = AttemptId(fields["job_id"], fields["attempt"])
        if conversation.id not in (None, id_):
            raise wire.WireError("a runner serves one attempt to its end")
        if conversation.parting:
            conversation.say(conversation.parting)
            return
        known = self._attempts.get(id_)
        if known is not None and known is not conversation:
            # Dialled as a spare and, a moment later, as the attempt that it had taken.
            self._forget(known)
            self._feed(RunnerGone(runner=known.serial, id=None))
        conversation.id = id_
        self._attempts[id_] = conversation
        self._feed(
            RunnerState(
                runner=conversation.serial,
                id=id_,
                phase=Phase(fields["phase"]),
                size=fields["size"],
                reason=fields.get("reason") or "",
            )
        )

    def _idle(self, conversation: Conversation) -> None:
        id_ = conversation.id
        if id_ is not None and self._attempts.get(id_) is conversation:
            # It was left alone with a script, or dialled as the attempt that it had just let go of.
            del self._attempts[id_]
            self._feed(RunnerGone(runner=conversation.serial, id=id_))
        conversation.id = None
        conversation.parting = b""
        self._spares.append(conversation)
        self._feed(RunnerState(runner=conversation.serial, id=None))
        if self._waiting:
            self.start(self._waiting.popleft())

    def _data(
        self, conversation: Conversation, id_: AttemptId, offset: int, entries: bytes
    ) -> None:
        for size in conversation.keep(entries):
            self._feed(RunnerData(id=id_, offset=offset, size=size))
            offset += size
            if self._attempts.get(id_) is not conversation:
                return  # the rules began a new conversation


def _exited(id_: AttemptId, fields: dict[str, Any]) -> RunnerExited:
    exit_ = Exit(
        code=fields.get("code"),
        signal=fields.get("signal"),
        reason=fields.get("reason"),
        stopped=bool(fields.get("stopped")),
        lost=bool(fields.get("lost")),
    )
    return RunnerExited(id=id_, exit=exit_, size=fields["size"], crc=fields["crc"])
