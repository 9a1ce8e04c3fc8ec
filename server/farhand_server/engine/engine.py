"""Events in, one transaction for everything that waits, commit, effects out.

The rules run on one thread, the engine's. Nothing that promises leaves before its commit; effects
that promise nothing leave at once, so that an offer overlaps the commit of its job. A commit that
failed, or may have, is treated as a crash: streams end, what was volatile is forgotten, agents
return and tell what they know.
"""

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Sequence

import structlog

from farhand_server.core import Core
from farhand_server.core.effects import (
    Answer,
    CloseSpool,
    Count,
    Effect,
    EndSession,
    OpenSpool,
    Send,
    Wake,
)
from farhand_server.core.events import CallId, Ended, Event, Lost, Tick
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.ports import Clock, StateStore
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.writer import OutputWriter, Stored
from farhand_server.errors import OutcomeUnknown, Refusal, ShuttingDown
from farhand_server.model import frames
from farhand_server.model.clock import Instant, Now
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import Job
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
        self._core = core
        self._open_state = state
        self._desk = desk
        self._writer = writer
        self._switchboard = switchboard
        self._clock = clock
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._calls: dict[CallId, asyncio.Future[object]] = {}
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    # --- on the loop ------------------------------------------------------------------------

    def start(self) -> None:
        """Starts both threads."""
        self._loop = asyncio.get_running_loop()
        self._writer.start(_WriterNews(self, self._desk, self._loop))
        self._thread = threading.Thread(target=self._run, name="farhand-engine", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Finishes what waits, then ends both threads."""
        self._stopping = True
        await asyncio.to_thread(self._writer.stop)
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        for future in self._calls.values():
            future.cancel()

    async def ask(self, make: Callable[[CallId], Event]) -> object:
        """The answer to a call, when it is committed. Raises Refusal."""
        if self._stopping:
            raise ShuttingDown("the server is shutting down", do="try again in a few seconds")
        call = CallId(next(self._numbers))
        future = self._calls[call] = asyncio.get_running_loop().create_future()
        self._queue.put(make(call))
        try:
            value = await future
        finally:
            self._calls.pop(call, None)
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

    def _release(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(session=session, frame=frame):
                    if box := self._switchboard.box(session):
                        box.put(frame)
                case Answer(call=call, value=value):
                    if isinstance(value, Job):
                        self._switchboard.changed(value)
                    future = self._calls.get(call)
                    if future is not None and not future.done():
                        future.set_result(value)
                case Wake(job=job):
                    self._switchboard.changed(job)
                case OpenSpool(session=session, spool=spool, extent=extent, fresh=fresh):
                    self._desk.open(session, spool, extent, fresh=fresh)
                case CloseSpool(spool=spool, session=session):
                    self._desk.close(spool, session)
                case EndSession(session=session, refusal=refusal, reason=reason):
                    self.end(session, reason, refusal)
                case Count(worker=worker, reason=reason):
                    self._switchboard.count(worker, reason)

    def end(self, session: SessionId, reason: str, refusal: Refusal | None) -> None:
        """Ends a stream: with Goodbye, or with the refusal that explains it."""
        if box := self._switchboard.box(session):
            if refusal is None:
                box.put(frames.Goodbye(reason=reason))
            box.end(refusal)
        self._desk.leave(session)

    def disconnect_all(self) -> None:
        """As after a crash: every stream ends, every caller learns that the outcome is open."""
        self._switchboard.forget()
        for box in self._switchboard.boxes():
            box.put(frames.Drain(reason="the server starts over", retry_after_ms=200))
            box.end()
        for future in self._calls.values():
            if not future.done():
                future.set_result(
                    ShuttingDown(
                        "the server could not commit",
                        why="the database did not take the change, or may not have",
                        do="look whether it was done, then try again",
                    )
                )

    # --- on the engine's thread -------------------------------------------------------------

    def _run(self) -> None:
        store = self._open_state()
        try:
            with store.transaction() as tx:
                self._hop(self._core.begin(tx, self._now()))
            while (batch := self._batch()) is not None:
                self._turn(store, batch)
        finally:
            store.close()

    def _batch(self) -> list[Event] | None:
        """Everything that waits; a Tick when patience ended first; None at the end."""
        batch: list[Event] = []
        try:
            event = self._queue.get(timeout=self._patience())
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
        if self._core.due(self._now().instant):
            batch.append(Tick())
        return batch

    def _patience(self) -> float | None:
        until = self._core.next_due()
        return None if until is None else max(0.0, until - self._clock.monotonic())

    def _turn(self, store: StateStore, batch: Sequence[Event]) -> None:
        late: list[Effect] = []
        try:
            with store.transaction() as tx:
                for event in batch:
                    effects = self._core.handle(event, tx, self._now())
                    early = [e for e in effects if isinstance(e, Send) and not e.promises]
                    if early:
                        self._hop(early)
                        effects = [e for e in effects if e not in early]
                    late += effects
        except OutcomeUnknown:
            log.exception("commit failed; starting over")
            self._start_over(store)
        except Exception:
            # A rule failed: nothing of this batch was written, and Live may be half changed.
            log.exception("a rule failed; starting over", events=[type(e).__name__ for e in batch])
            self._start_over(store)
        else:
            self._hop(late)

    def _start_over(self, store: StateStore) -> None:
        self._core.forget()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.disconnect_all)
        with store.transaction() as tx:
            self._hop(self._core.begin(tx, self._now()))

    def _hop(self, effects: Sequence[Effect]) -> None:
        if effects and self._loop is not None:
            self._loop.call_soon_threadsafe(self._release, effects)

    def _now(self) -> Now:
        return Now(instant=Instant(self._clock.monotonic()), unix_ms=self._clock.unix_ms())


class _WriterNews:
    """Carries the writer's news to the loop; a durable result goes straight to the rules."""

    def __init__(self, engine: Engine, desk: OutputDesk, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._desk = desk
        self._hop = loop.call_soon_threadsafe

    def stored(self, news: Sequence[Stored]) -> None:
        self._hop(self._desk.stored, news)

    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None:
        self._hop(self._desk.durable, extents)

    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None:
        self._hop(self._desk.missing, session, spool, size)

    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None:
        self._engine.tell(Ended(session=session, result=result, extent=extent))

    def violated(self, session: SessionId, problem: str) -> None:
        self._hop(self._engine.end, session, problem, None)

    def failed(self, error: OutcomeUnknown) -> None:
        log.error("output was not committed; starting over", error=str(error))
        self._hop(self._engine.disconnect_all)
