"""An engine with everything around it: stores in memory, mailboxes that somebody reads."""

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.support.glass_vault import GlassVault
from tests.support.memory import MemoryStateStore, MemoryTx
from tests.support.memory_output import MemoryOutputStore
from tests.support.samples import job_id
from tests.support.world.rows import GROUP, KEY, OPERATOR, first_rows

from farhand_server.core import Core, Patience
from farhand_server.core import events as on
from farhand_server.core.effects import Effect
from farhand_server.core.ports import Tx
from farhand_server.engine import Engine, Mailbox, OutputDesk, Switchboard
from farhand_server.engine.writer import OutputWriter
from farhand_server.model import frames
from farhand_server.model.clock import Instant, Now, UnixMs
from farhand_server.model.identifiers import JobId, SessionId, WorkerId
from farhand_server.model.job import End
from farhand_server.model.output import SpoolId
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts

#: Nothing here takes a hundredth of it.
DEADLINE_SECONDS = 5.0
Frame = TypeVar("Frame")


class RealClock:
    """Implements Clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix_ms(self) -> UnixMs:
        return UnixMs(time.time_ns() // 1_000_000)


class GatedStore(MemoryStateStore):
    """A commit waits while the gate is closed."""

    def __init__(self) -> None:
        super().__init__(first_rows())
        self.gate = threading.Event()
        self.gate.set()
        #: Set while a commit waits.
        self.waits = threading.Event()

    def _commit(self, tx: MemoryTx) -> None:
        self.waits.set()
        assert self.gate.wait(DEADLINE_SECONDS)
        self.waits.clear()
        super()._commit(tx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A rule fails at the next event of which this is true."""

    at: Callable[[on.Event], bool]
    error: Exception = field(default_factory=lambda: RuntimeError("a bug in a rule"))


class BuggyCore(Core):
    """Rules that fail when they are told to: one event for each entry of `fail_next`."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.fail_next: deque[Bug] = deque()

    def handle(self, event: on.Event, tx: Tx, now: Now) -> list[Effect]:
        effects = super().handle(event, tx, now)
        if self.fail_next and self.fail_next[0].at(event):
            raise self.fail_next.popleft().error
        return effects


class EngineBench:
    """Use it on the loop."""

    def __init__(self, *, warm: float = 0.0) -> None:
        self.state = GatedStore()
        self.output = MemoryOutputStore()
        self.clock = RealClock()
        self.switchboard = Switchboard()
        self.core = BuggyCore(
            chance=random.Random(0).randbytes, patience=Patience(warm=warm), vault=GlassVault()
        )
        self.writer = OutputWriter(store=lambda: self.output, clock=self.clock)
        self.desk = OutputDesk(
            writer=self.writer,
            queries=self.output.reader(),
            switchboard=self.switchboard,
            acknowledge_bytes=1,
        )
        self.engine = Engine(
            core=self.core,
            state=lambda: self.state,
            desk=self.desk,
            writer=self.writer,
            switchboard=self.switchboard,
            clock=self.clock,
        )
        self._boxes: dict[SessionId, Mailbox] = {}
        self._heard: dict[SessionId, list[frames.ServerFrame]] = {}
        self._sessions = 0

    def start(self) -> None:
        self.engine.start()

    async def stop(self) -> None:
        self.state.gate.set()
        await self.engine.stop()

    @contextlib.contextmanager
    def no_commit(self) -> Iterator[None]:
        """Commits wait meanwhile."""
        self.state.gate.clear()
        try:
            yield
        finally:
            self.state.gate.set()

    async def start_job(self, number: int = 1) -> Any:
        return await self.engine.ask(
            lambda call: on.StartJob(
                call=call,
                by=OPERATOR,
                job=job_id(number),
                runbook="bash",
                run_on=GROUP.name,
                parameters="{}",
                arguments=(),
            )
        )

    async def connect(self) -> SessionId:
        """A worker that joins and is ready for offers."""
        session = self.open()
        register = frames.Register(
            token_hash=KEY.hash,
            group=GROUP.name,
            worker_name="web01",
            public_key=b"key",
            facts=Facts(runbook_types=tuple(RunbookType)),
        )
        self.engine.tell(on.Joined(session=session, register=register, address="192.0.2.7"))
        registered = await self.hear(frames.Registered, session)
        self.engine.lose(session, clean=True)
        session = self.open(registered.worker)
        hello = frames.Hello(
            worker=registered.worker,
            session_number=1,
            boot_id="boot",
            journal_id="journal",
            instance="one",
            facts=Facts(runbook_types=tuple(RunbookType)),
            slots=2,
        )
        self.greet(session, hello)
        await self.hear(frames.Welcome, session)
        self.say(session, frames.Heartbeat(sequence=1))
        await self.hear(frames.HeartbeatAck, session)
        # The acknowledgement leaves before the commit; an answer does not.
        await self.engine.ask(lambda call: on.Overview(call=call, by=OPERATOR))
        return session

    async def running(self) -> SessionId:
        """A worker that was granted job 1."""
        session = await self.connect()
        await self.start_job()
        offer = await self.hear(frames.Offer, session)
        self.say(session, frames.Accept(offer=offer.offer, cached=False))
        await self.hear(frames.Grant, session)
        return session

    async def back(self, *running: JobId) -> SessionId:
        """The worker that joined comes back; first attempts of these jobs run on it."""
        worker = next(iter(self.state.tables.workers.values()))
        session = self.open(worker.id)
        journal = [
            frames.JournalEntry(job=job, attempt=1, phase="running", size=0) for job in running
        ]
        hello = frames.Hello(
            worker=worker.id,
            session_number=worker.issued_number,
            boot_id="boot",
            journal_id="journal",
            instance="one",
            facts=worker.facts,
            slots=2,
            journal=tuple(journal),
        )
        self.greet(session, hello)
        await self.hear(frames.Welcome, session)
        self.say(session, frames.Heartbeat(sequence=1))
        return session

    def greet(self, session: SessionId, hello: frames.Hello) -> None:
        """A proven Hello."""
        now = Instant(self.clock.monotonic())
        self.engine.tell(
            on.Greeted(session=session, hello=hello, address="192.0.2.7", challenged=now)
        )

    def open(self, worker: WorkerId | None = None) -> SessionId:
        self._sessions += 1
        session = SessionId(f"{self._sessions:032x}")
        self._boxes[session], self._heard[session] = Mailbox(), []
        self.switchboard.open(session, self._boxes[session], worker)
        return session

    def say(self, session: SessionId, frame: frames.AgentFrame) -> None:
        self.engine.tell(on.Said(session=session, frame=frame))

    def output_of(self, session: SessionId, data: bytes, *, offset: int = 0) -> None:
        self.desk.output(session, frames.Output(job=job_id(1), attempt=1, offset=offset, data=data))

    def result_of(self, session: SessionId, *, size: int, crc: int) -> None:
        self.desk.result(
            session,
            frames.Result(job=job_id(1), attempt=1, end=End(code=0), size=size, crc=crc),
        )

    async def hear(self, kind: type[Frame], session: SessionId) -> Frame:
        """The next frame of this kind; what came before it is dropped."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                heard = self._heard[session]
                while heard:
                    frame = heard.pop(0)
                    if isinstance(frame, kind):
                        return frame
                heard += await self._boxes[session].take()

    async def ended(self, session: SessionId) -> list[frames.ServerFrame]:
        """What a session still heard until its box had ended."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not self._boxes[session].ended:
                self._heard[session] += await self._boxes[session].take()
            self._heard[session] += await self._boxes[session].take()
        return self._heard[session]

    def refusal(self, session: SessionId) -> str:
        """Why a session was ended."""
        refusal = self._boxes[session].refusal
        return refusal.message if refusal is not None else ""

    async def a_commit_waits(self) -> None:
        """Until the rules' thread stands before the closed gate."""
        assert await asyncio.to_thread(self.state.waits.wait, DEADLINE_SECONDS)


def spool(number: int = 1) -> SpoolId:
    return SpoolId(job=JobId(job_id(number)), attempt=1)
