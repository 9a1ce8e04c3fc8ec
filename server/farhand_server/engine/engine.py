"""The rules' thread: it takes what waits and hands effects to the loop."""

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Sequence

import structlog

from farhand_server.core import Core
from farhand_server.core.events import CallId, Ended, Event, Lost, OutputRemoved, Tick
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.outlet import Outlet
from farhand_server.engine.ports import Clock, StateStore
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.turns import Turns
from farhand_server.engine.writer import OutputWriter, Stored
from farhand_server.errors import Refusal, ShuttingDown, StoreDamaged
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import Extent, SpoolId

log = structlog.get_logger("farhand.engine")

#: Events of one transaction; more would hold back the first answers.
BATCH = 256


class Engine:
    """Owns the rules' thread. Create and use it on the loop."""

    def __init__(
        self,
        *,
        core: Core,
        state: Callable[[], StateStore],
        desk: OutputDesk,
        writer: OutputWriter,
        switchboard: Switchboard,
        clock: Clock,
    ) -> None:
        """`state` opens the store, on the thread that uses it."""
        self._open_state = state
        self._desk = desk
        self._writer = writer
        self._switchboard = switchboard
        self._outlet = Outlet(desk=desk, switchboard=switchboard, clock=clock)
        self._turns = Turns(
            core=core,
            clock=clock,
            release=lambda effects: self._hop(self._outlet.release, effects),
            start_over=lambda: self._hop(self._outlet.start_over),
        )
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._calls: set[asyncio.Future[object]] = set()
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    # --- on the loop ------------------------------------------------------------------------

    def start(self) -> None:
        """Starts both threads."""
        self._loop = asyncio.get_running_loop()
        self._writer.start(
            _WriterNews(
                engine=self,
                desk=self._desk,
                outlet=self._outlet,
                switchboard=self._switchboard,
                hop=self._hop,
            )
        )
        self._thread = threading.Thread(target=self._run, name="farhand-engine", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Finishes what waits, then ends both threads."""
        self._stopping = True
        await asyncio.to_thread(self._writer.stop)
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        for future in self._calls:
            future.cancel()

    async def ask(self, make: Callable[[CallId], Event]) -> object:
        """The answer to a call, when it is committed. Raises Refusal."""
        if self._stopping:
            raise ShuttingDown("the server is shutting down", do="try again in a few seconds")
        call = CallId(next(self._numbers))
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._outlet.expect(call, lambda value: _settle(future, value))
        self._calls.add(future)
        self._queue.put(make(call))
        try:
            value = await future
        finally:
            self._calls.discard(future)
        if isinstance(value, Refusal):
            raise value
        return value

    def tell(self, event: Event) -> None:
        """News that nobody waits for. From any thread."""
        self._queue.put(event)

    def lose(self, session: SessionId, *, clean: bool) -> None:
        """The stream of a session is over."""
        self._switchboard.close(session)
        self._desk.leave(session)
        self.tell(Lost(session=session, clean=clean))

    # --- on the engine's thread -------------------------------------------------------------

    def _run(self) -> None:
        store = self._open_state()
        try:
            self._turns.take(store, ())
            while (batch := self._batch()) is not None:
                self._turns.take(store, batch)
        finally:
            store.close()

    def _batch(self) -> list[Event] | None:
        """Everything that waits; a Tick when patience ended first; None at the end."""
        batch: list[Event] = []
        try:
            event = self._queue.get(timeout=self._turns.patience())
        except queue.Empty:
            return [Tick()]
        while True:
            if event is None:
                if not batch:
                    return None
                self._queue.put(None)
                break
            batch.append(event)
            if len(batch) >= BATCH or self._queue.empty():
                break
            event = self._queue.get()
        if self._turns.due():
            batch.append(Tick())
        return batch

    def _hop(self, call: Callable[..., object], *values: object) -> None:
        """To the loop, from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(call, *values)


def _settle(future: asyncio.Future[object], value: object) -> None:
    if not future.done():
        future.set_result(value)


class _WriterNews:
    """Carries the writer's news to the loop; a durable result goes straight to the rules."""

    def __init__(
        self,
        *,
        engine: Engine,
        desk: OutputDesk,
        outlet: Outlet,
        switchboard: Switchboard,
        hop: Callable[..., None],
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._outlet = outlet
        self._switchboard = switchboard
        self._hop = hop

    def stored(self, news: Sequence[Stored]) -> None:
        self._hop(self._desk.stored, news)

    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None:
        self._hop(self._desk.durable, extents)

    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None:
        self._hop(self._desk.missing, session, spool, size)

    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None:
        self._engine.tell(Ended(session=session, result=result, extent=extent))

    def refused(self, session: SessionId, reason: str) -> None:
        self._hop(self._switchboard.blame, session, reason)

    def violated(self, session: SessionId, reason: str) -> None:
        self._hop(self._outlet.violated, session, reason)

    def removed(self, job: JobId) -> None:
        self._engine.tell(OutputRemoved(job=job))

    def failed(self, error: Exception) -> None:
        log.error("output was not committed; starting over", exc_info=error)
        self._hop(self._outlet.start_over)
        if isinstance(error, StoreDamaged):
            # Jobs run on, and wait to be told of: to try for ever would only keep workers away.
            self._hop(self._desk.pause, "the output's database is damaged: farhand-server check")
