"""Where output arrives: on the loop, past the rules, to the output writer; and back as acks.

The rules say once who may send output of an attempt (`open`); from then on offsets decide. What is
stored is kept for a while in memory, so that followers of a running job read no database.
"""

import asyncio
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from farhand_server.core import output as rules
from farhand_server.engine.cache import ChunkCache
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.writer import Append, Item, Remove, Seal, Stored
from farhand_server.errors import ProtocolViolation
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_wire import limits

log = structlog.get_logger("farhand.output")

#: An agent that sends twice its window before anything is stored does not keep the protocol.
UNSTORED_BYTES = 2 * limits.WINDOW_BYTES + limits.MESSAGE_BYTES
#: Attempts remembered after the rules let go of them.
CLOSED = 1024
#: Stored output is acknowledged at once when it is this much: the window is 16 times as large. Less
#: waits for the sync, which follows as soon as nothing else waits.
ACKNOWLEDGE_BYTES = limits.WINDOW_BYTES // 16


class Inbox(Protocol):
    """The writer, as the desk sees it."""

    def put(self, item: Item) -> None: ...


class Shelf(Protocol):
    """What is committed, from any thread."""

    def extent(self, spool: SpoolId) -> Extent: ...
    def chunks(self, spool: SpoolId, offset: int, most: int) -> Sequence[Chunk]: ...


class Resend(enum.Enum):
    """Whether an agent must go back. It is asked once: what it sends next at the right place is its
    answer, and acknowledgements count from there."""

    NO = enum.auto()
    #: Something was dropped; it is asked for as soon as output is taken again.
    DUE = enum.auto()
    #: Asked; what was on its way before the answer is ignored.
    ASKED = enum.auto()


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
    #: Of the bytes behind `received`.
    resend: Resend = Resend.NO


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
        #: Attempts that the rules let go of: what was on its way of them does no harm.
        self._closed: dict[SpoolId, SessionId] = {}
        self._paused = ""
        self._cache = ChunkCache()

    @property
    def paused(self) -> str:
        """Why no output is taken now; empty if it is."""
        return self._paused

    def pause(self, reason: str) -> None:
        """From now on output is dropped unanswered: agents fill their windows, then their spools.
        A result whose output is all here is still taken."""
        if not self._paused:
            log.warning("output is not taken", reason=reason)
        self._paused = reason

    def resume(self) -> None:
        """Takes output again, each spool from where it was."""
        if self._paused:
            log.info("output is taken again")
        self._paused = ""
        for spool, arrival in self._arrivals.items():
            if arrival.resend is Resend.DUE:
                self._ask(spool, arrival)

    def open(
        self, session: SessionId, spool: SpoolId, extent: Extent, *, fresh: bool = False
    ) -> None:
        """This session, and no other, may send output of this attempt now."""
        self._closed.pop(spool, None)
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
            self._closed[spool] = arrival.session
            if len(self._closed) > CLOSED:
                del self._closed[next(iter(self._closed))]

    def remove(self, job: JobId) -> None:
        """All that is stored of it goes; nobody may send more."""
        self._cache.forget(job)
        self._writer.put(Remove(job=job))

    def leave(self, session: SessionId) -> None:
        """The session is over; its attempts wait for the next one."""
        self._unstored.pop(session, None)
        for spool in [s for s, a in self._arrivals.items() if a.session == session]:
            del self._arrivals[spool]
        for spool in [s for s, owner in self._closed.items() if owner == session]:
            del self._closed[spool]

    def output(self, session: SessionId, frame: frames.Output) -> None:
        """Takes one frame. Raises ProtocolViolation when the attempt is not this session's."""
        spool = SpoolId(job=frame.job, attempt=frame.attempt)
        arrival = self._mine(session, spool)
        if arrival is None:
            return
        if frame.offset > arrival.received:
            self._drop(spool, arrival, rules.GAP)
            return
        if self._paused:
            arrival.resend = Resend.DUE
            return
        length = len(frame.data)
        held = self._unstored.get(session, 0) + length
        if held > UNSTORED_BYTES:
            raise ProtocolViolation(rules.BEYOND_WINDOW)
        self._unstored[session] = held
        arrival.received = max(arrival.received, frame.offset + length)
        arrival.resend = Resend.NO
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
        if arrival is None:
            return
        if frame.size > arrival.received:
            self._drop(spool, arrival, rules.TOO_LONG)
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
        if arrival is None or arrival.session != session:
            return
        if arrival.resend is Resend.ASKED and arrival.received == size:
            return  # two frames in a row had no place
        arrival.received = size
        arrival.sealing = False
        self._ask(spool, arrival)

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

    def _mine(self, session: SessionId, spool: SpoolId) -> Arrival | None:
        """None: it was, until the rules let go of it."""
        arrival = self._arrivals.get(spool)
        if arrival is None and self._closed.get(spool) == session:
            self._switchboard.blame(session, rules.OVER)
            return None
        if arrival is None or arrival.session != session:
            raise ProtocolViolation(rules.NOT_YOURS)
        return arrival

    def _drop(self, spool: SpoolId, arrival: Arrival, reason: str) -> None:
        """What does not follow what is here comes again, once it is asked for."""
        if arrival.resend is not Resend.NO:
            return
        if self._paused:
            arrival.resend = Resend.DUE
            return
        self._switchboard.blame(arrival.session, reason)
        self._ask(spool, arrival)

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

    def _ask(self, spool: SpoolId, arrival: Arrival) -> None:
        arrival.resend = Resend.ASKED
        if box := self._switchboard.box(arrival.session):
            offset = arrival.received
            box.put(frames.Resend(job=spool.job, attempt=spool.attempt, offset=offset))
