"""Where output arrives: on the loop, past the rules, to the output writer; and back as acks.

The rules say once who may send output of an attempt (`open`); from then on offsets decide. What is
stored is kept for a while in memory, so that followers of a running job read no database.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from farhand_server.core.output import Taking, taking
from farhand_server.engine.cache import ChunkCache
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.writer import Append, Seal, Stored
from farhand_server.errors import ProtocolViolation
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_wire import limits

#: An agent that sends twice its window before anything is stored does not keep the protocol.
UNSTORED_BYTES = 2 * limits.WINDOW_BYTES + limits.MESSAGE_BYTES
#: Stored output is acknowledged at once when it is this much: the window is 16 times as large. Less
#: waits for the sync, which follows as soon as nothing else waits.
ACKNOWLEDGE_BYTES = limits.WINDOW_BYTES // 16


class Inbox(Protocol):
    """The writer, as the desk sees it."""

    def put(self, item: Append | Seal) -> None: ...


class Shelf(Protocol):
    """What is committed, from any thread."""

    def extent(self, spool: SpoolId) -> Extent: ...
    def chunks(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk]: ...


@dataclass(slots=True)
class Arrival:
    """How much of a spool has come in from its session."""

    session: SessionId
    received: int
    stored: int
    #: Nothing of it was stored before this session.
    fresh: bool = False
    #: Its result is here: the answer to that implies every acknowledgement.
    sealing: bool = False
    #: How much of it was acknowledged as stored.
    told: int = 0


class OutputDesk:
    """Takes output and results of sessions. Loop thread only."""

    def __init__(
        self,
        *,
        writer: Inbox,
        queries: Shelf,
        switchboard: Switchboard,
        acknowledge_bytes: int = ACKNOWLEDGE_BYTES,
    ) -> None:
        self._writer = writer
        self._queries = queries
        self._switchboard = switchboard
        self._acknowledge_bytes = acknowledge_bytes
        self._arrivals: dict[SpoolId, Arrival] = {}
        self._unstored: dict[SessionId, int] = {}
        self._cache = ChunkCache()

    def open(
        self, session: SessionId, spool: SpoolId, extent: Extent, *, fresh: bool = False
    ) -> None:
        """This session, and no other, may send output of this attempt now."""
        self._arrivals[spool] = Arrival(
            session,
            received=extent.stored,
            stored=extent.stored,
            fresh=fresh,
            told=extent.stored,
        )

    def close(self, spool: SpoolId, session: SessionId | None = None) -> None:
        """Nothing more of it is taken (from `session`, if given)."""
        arrival = self._arrivals.get(spool)
        if arrival is not None and session in (None, arrival.session):
            del self._arrivals[spool]

    def leave(self, session: SessionId) -> None:
        """The session is over; its attempts wait for the next one."""
        self._unstored.pop(session, None)
        for spool in [s for s, a in self._arrivals.items() if a.session == session]:
            del self._arrivals[spool]

    def output(self, session: SessionId, frame: frames.Output) -> None:
        """Takes one frame. Raises ProtocolViolation when the attempt is not this session's."""
        spool = SpoolId(job=frame.job, attempt=frame.attempt)
        arrival = self._mine(session, spool)
        length = len(frame.data)
        match taking(size=arrival.received, offset=frame.offset, length=length):
            case Taking.DROP:
                self._acknowledge(spool, arrival.stored, durable=0)
            case Taking.RESEND:
                self._say(session, spool, arrival.received)
            case Taking.APPEND:
                held = self._unstored.get(session, 0) + length
                if held > UNSTORED_BYTES:
                    raise ProtocolViolation(f"{held} bytes of output beyond the window")
                self._unstored[session] = held
                arrival.received = frame.offset + length
                self._writer.put(
                    Append(
                        session=session,
                        spool=spool,
                        offset=frame.offset,
                        data=frame.data,
                        fresh=arrival.fresh,
                    )
                )

    def result(self, session: SessionId, frame: frames.Result) -> None:
        """Takes the end of an attempt; the rules hear of it when its spool is durable."""
        spool = SpoolId(job=frame.job, attempt=frame.attempt)
        arrival = self._mine(session, spool)
        if frame.size != arrival.received:
            if frame.size < arrival.received:
                raise ProtocolViolation("a result that is shorter than its output")
            self._say(session, spool, arrival.received)
            return
        arrival.sealing = True
        self._writer.put(Seal(session=session, spool=spool, result=frame))

    def stored(self, news: Sequence[Stored]) -> None:
        """The writer committed: the window moves, followers look again."""
        for item in news:
            self._cache.add(item.spool, item.chunks, item.extent)
            if item.session in self._unstored:
                self._unstored[item.session] -= item.taken
            arrival = self._arrivals.get(item.spool)
            if arrival is not None:
                arrival.stored = item.extent.stored
                # Bytes that were here already do not wait for a sync: none follows them.
                if not item.chunks or arrival.stored - arrival.told >= self._acknowledge_bytes:
                    self._acknowledge(item.spool, arrival.stored, durable=item.extent.durable)
            self._switchboard.wake(item.spool.job)

    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None:
        """The writer synced: spools may be freed."""
        for spool, extent in extents:
            if spool in self._arrivals:
                self._acknowledge(spool, extent.stored, durable=extent.durable)

    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None:
        """The writer holds less than was thought: the agent sends again from there."""
        arrival = self._arrivals.get(spool)
        if arrival is not None and arrival.session == session:
            arrival.received = size
            arrival.sealing = False
            self._say(session, spool, size)

    async def read(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk]:
        """Stored chunks from the one that holds `offset`; empty when nothing is stored there."""
        if self._is_empty(spool):
            return ()
        cached = self._cache.read(spool, offset, most)
        if cached is not None:
            return cached
        return await asyncio.to_thread(self._queries.chunks, spool, offset, most)

    async def extent(self, spool: SpoolId) -> Extent:
        """How much of it is stored."""
        if self._is_empty(spool):
            return Extent()
        cached = self._cache.extent(spool)
        if cached is not None:
            return cached
        return await asyncio.to_thread(self._queries.extent, spool)

    def _is_empty(self, spool: SpoolId) -> bool:
        """Surely nothing is stored: no need to look."""
        arrival = self._arrivals.get(spool)
        return arrival is not None and arrival.fresh and not arrival.stored

    def _mine(self, session: SessionId, spool: SpoolId) -> Arrival:
        arrival = self._arrivals.get(spool)
        if arrival is None or arrival.session != session:
            raise ProtocolViolation("output or result of an attempt that is not this worker's")
        return arrival

    def _acknowledge(self, spool: SpoolId, stored: int, *, durable: int) -> None:
        arrival = self._arrivals[spool]
        if arrival.sealing:
            return
        # Output of the session before may be stored late: this one has not sent it yet.
        stored = min(stored, arrival.received)
        durable = min(durable, stored)
        arrival.told = stored
        if box := self._switchboard.box(arrival.session):
            box.put(
                frames.OutputAck(
                    job=spool.job, attempt=spool.attempt, stored=stored, durable=durable
                )
            )

    def _say(self, session: SessionId, spool: SpoolId, offset: int) -> None:
        box = self._switchboard.box(session)
        if box is not None:
            box.put(frames.Resend(job=spool.job, attempt=spool.attempt, offset=offset))
