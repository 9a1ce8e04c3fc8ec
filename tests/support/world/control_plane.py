"""A server's process: the real rules, turns, desk and ledger, and everything that dies with them.

Two queues stand for its threads and its loop: nothing moves until the world says so.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.glass_vault import GlassVault
from tests.support.world.clock import WorldClock
from tests.support.world.stores import Output
from tests.support.world.stream import Stream, StreamBox
from tests.support.world.watcher import Watcher

from farhand_server.core import Core, Patience
from farhand_server.core.effects import Effect
from farhand_server.core.events import (
    CallId,
    Ended,
    Event,
    Greeted,
    Joined,
    Lost,
    OutputRemoved,
    Said,
    Tick,
)
from farhand_server.core.ports import Tx
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.outlet import Outlet
from farhand_server.engine.ports import StateStore
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.turns import Turns
from farhand_server.engine.writer import Item, Ledger, Stored
from farhand_server.errors import ProtocolViolation, Refusal
from farhand_server.model import frames
from farhand_server.model.clock import Instant, Now
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import Extent, SpoolId


class Inbox:
    """What the output writer would find in its queue."""

    def __init__(self) -> None:
        self.items: deque[Item] = deque()

    def put(self, item: Item) -> None:
        self.items.append(item)


class WatchedCore(Core):
    """A rule that fails is a bug; the turns would only start over."""

    def __init__(self, *, watcher: Watcher, **values: Any) -> None:
        super().__init__(**values)
        self._watcher = watcher

    def handle(self, event: Event, tx: Tx, now: Now) -> list[Effect]:
        try:
            return super().handle(event, tx, now)
        except Exception as error:
            self._watcher.failed(error)
            raise


class WatchedSwitchboard(Switchboard):
    """Nobody who keeps the protocol is blamed."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher

    def blame(self, session: SessionId, reason: str) -> None:
        super().blame(session, reason)
        self._watcher.accused(session, reason)


class ControlPlane:
    """One life of one server."""

    def __init__(
        self,
        *,
        state: StateStore,
        output: Output,
        clock: WorldClock,
        chance: Callable[[int], bytes],
        patience: Patience,
        acknowledge_bytes: int,
        watcher: Watcher,
    ) -> None:
        self._state = state
        self._watcher = watcher
        self.streams: dict[SessionId, Stream] = {}
        self._accepted: dict[SessionId, Instant] = {}
        self.events: deque[Event] = deque()
        self.inbox = Inbox()
        self._hops: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._boxes: dict[SessionId, StreamBox] = {}
        self._switchboard = WatchedSwitchboard(watcher)
        self._shelf = output.reader()
        self._desk = OutputDesk(
            writer=self.inbox,
            queries=self._shelf,
            switchboard=self._switchboard,
            acknowledge_bytes=acknowledge_bytes,
        )
        self._outlet = Outlet(desk=self._desk, switchboard=self._switchboard, clock=clock)
        self._turns = Turns(
            core=WatchedCore(chance=chance, patience=patience, vault=GlassVault(), watcher=watcher),
            clock=clock,
            release=self._released,
            start_over=self._start_over,
        )
        self._busy = False
        self._ledger = Ledger(store=output, clock=clock, audience=self)
        output.close()  # the process before this one left uncommitted rows
        output.sync()

    # --- its threads ------------------------------------------------------------------------

    def turn(self) -> None:
        """The rules take everything that waits."""
        batch = list(self.events)
        self.events.clear()
        if self._turns.due():
            batch.append(Tick())
        self._turns.take(self._state, batch)

    @property
    def has_turn(self) -> bool:
        return bool(self.events) or self._turns.due()

    @property
    def has_output(self) -> bool:
        return bool(self.inbox.items) or self._busy

    def write(self, most: int | None = None, *, busy: bool = False) -> None:
        """The output writer takes what waits, or the first `most` items of it. `busy`: something
        came while it did, so it does not sync yet."""
        self._busy = busy
        count = len(self.inbox.items) if most is None else min(most, len(self.inbox.items))
        batch = [self.inbox.items.popleft() for _ in range(count)]
        try:
            idle = not self.inbox.items and not busy
            self.inbox.items.extend(self._ledger.write(batch, idle=idle))
        except Exception as error:
            self._watcher.failed(error)
            self.failed(error)
            self._ledger.forget()

    def loop(self) -> bool:
        """The loop runs what was handed to it, and the streams' writers; False if nothing was."""
        moved = bool(self._hops)
        while self._hops:
            call, values = self._hops.popleft()
            call(*values)
        return self._flush() or moved

    def ask(self, make: Callable[[CallId], Event], answer: Callable[[object], None]) -> None:
        """An operator calls."""
        call = CallId(self._watcher.next_call())
        self._outlet.expect(call, answer)
        self.events.append(make(call))

    @property
    def patience_ms(self) -> int | None:
        """When the rules want to be woken, from now."""
        patience = self._turns.patience()
        return None if patience is None else int(patience * 1000) + 1

    def take_output(self, taken: bool) -> None:
        """Whoever watches the disk says so."""
        if taken:
            self._desk.resume()
        else:
            self._desk.pause("the disk is full")

    @property
    def takes_output(self) -> bool:
        return not self._desk.paused

    def drain(self) -> None:
        """Asked to end: agents are told, and what waits is finished."""
        for box in self._boxes.values():
            box.put(frames.Drain(reason="the server stops", retry_after_ms=500))
            box.end()
        self._flush()
        self.write()
        self.turn()
        self.loop()

    # --- its edge ---------------------------------------------------------------------------

    def accept(self, stream: Stream) -> None:
        self.streams[stream.session] = stream
        self._accepted[stream.session] = self._turns.now().instant

    def hear(self, stream: Stream) -> bool:
        """Reads one message, or notices the end of a stream."""
        if stream.to_server:
            for frame in stream.to_server.popleft():
                self._hear(stream, frame)
            self._flush()
            return True
        if stream.over_for_server or (stream.server_left and stream.session in self.streams):
            self.lose(stream)
            return True
        return False

    def lose(self, stream: Stream, *, clean: bool = False) -> None:
        """The stream is over, and it shows."""
        stream.server_left = True
        self.streams.pop(stream.session, None)
        self._accepted.pop(stream.session, None)
        if self._boxes.pop(stream.session, None) is not None:
            self._switchboard.close(stream.session)
            self._desk.leave(stream.session)
            self.events.append(Lost(session=stream.session, clean=clean))

    def _hear(self, stream: Stream, frame: frames.AgentFrame) -> None:
        box = self._boxes.get(stream.session)
        if box is not None and box.ended:
            return
        try:
            match frame:
                case frames.Hello() | frames.Register():
                    self._greet(stream, frame)
                case frames.Goodbye() if box is not None:
                    box.end()
                case frames.Output():
                    self._desk.output(stream.session, frame)
                case frames.Result():
                    self._desk.result(stream.session, frame)
                case _:
                    self.events.append(Said(session=stream.session, frame=frame))
        except Refusal as refusal:
            if box is not None:
                box.end(refusal)

    def _greet(self, stream: Stream, frame: frames.Hello | frames.Register) -> None:
        self._boxes[stream.session] = box = StreamBox()
        self._switchboard.open(stream.session, box)
        if isinstance(frame, frames.Register):
            event: Event = Joined(session=stream.session, register=frame, address="192.0.2.7")
        else:
            spools = [SpoolId(job=JobId(e.job), attempt=e.attempt) for e in frame.journal]
            event = Greeted(
                session=stream.session,
                hello=frame,
                address="192.0.2.7",
                # Its agent may have left since: no later moment is proven.
                challenged=self._accepted[stream.session],
                extents={spool: self._shelf.extent(spool) for spool in spools},
            )
        self.events.append(event)

    def _flush(self) -> bool:
        moved = False
        for session, box in list(self._boxes.items()):
            stream = self.streams.get(session)
            if stream is None:
                continue
            waiting = box.empty()
            for frame in waiting:
                self._watcher.leaves(frame)
            moved |= bool(waiting)
            stream.down(waiting)
            if box.ended and not stream.server_left:
                moved = True
                stream.refusal = box.refusal
                if isinstance(box.refusal, ProtocolViolation):
                    self._watcher.accused(session, box.refusal.message)
                self.lose(stream)
        return moved

    def _released(self, effects: Sequence[Effect]) -> None:
        self._hop(self._outlet.release, effects)

    def _start_over(self) -> None:
        self._hop(self._outlet.start_over)

    def _hop(self, call: Callable[..., object], *values: object) -> None:
        self._hops.append((call, values))

    # --- writer.Audience --------------------------------------------------------------------

    def stored(self, news: Sequence[Stored]) -> None:
        self._hop(self._desk.stored, news)

    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None:
        self._hop(self._desk.durable, extents)

    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None:
        self._hop(self._desk.missing, session, spool, size)

    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None:
        self.events.append(Ended(session=session, result=result, extent=extent))

    def refused(self, session: SessionId, reason: str) -> None:
        self._hop(self._switchboard.blame, session, reason)

    def violated(self, session: SessionId, reason: str) -> None:
        self._hop(self._outlet.violated, session, reason)

    def removed(self, job: JobId) -> None:
        self.events.append(OutputRemoved(job=job))

    def failed(self, error: Exception) -> None:
        self._start_over()
