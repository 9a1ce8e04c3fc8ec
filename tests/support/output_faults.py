"""An output store of which any one call fails, and an agent that brings a spool through it."""

import contextlib
import sqlite3
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from tests.support import killed_files
from tests.support.audience import Audience
from tests.support.world.clock import WorldClock
from tests.support.world.stream import StreamBox

from farhand_server.engine.desk import OutputDesk, Shelf
from farhand_server.engine.ports import OutputStore
from farhand_server.engine.switchboard import Switchboard
from farhand_server.engine.writer import Item, Ledger, Stored
from farhand_server.errors import OutcomeUnknown
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.job import End
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.store.sqlite import SqliteOutputStore, SqliteQueries

Value = TypeVar("Value")


class Undoable(OutputStore, Protocol):
    """A store that can be told to fail as its disk would make it."""

    def rollback(self) -> None: ...


class UndoableSqlite(SqliteOutputStore):
    """The real one."""

    def rollback(self) -> None:
        with contextlib.suppress(OutcomeUnknown), self._all_or_nothing():
            raise sqlite3.OperationalError("disk I/O error")


class MortalSqlite(SqliteOutputStore):
    """The real one; its process dies when it fails, and the next one opens what was there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(path)

    def rollback(self) -> None:
        left = killed_files.taken(self._path)
        self.close()
        killed_files.put_back(left)
        super().__init__(self._path)


class FreshShelf:
    """What every process reads that has just been started."""

    def __init__(self, state: Path, output: Path) -> None:
        self._paths = (state, output)

    def extent(self, spool: SpoolId) -> Extent:
        return SqliteQueries(*self._paths).extent(spool)

    def chunks(self, spool: SpoolId, offset: int, most_bytes: int) -> Sequence[Chunk]:
        return SqliteQueries(*self._paths).chunks(spool, offset, most_bytes)


class FaultyOutput:
    """Implements OutputStore. Some calls fail: before anything was done, or `after`."""

    def __init__(self, store: Undoable, *, failing: range, after: bool) -> None:
        """`failing`: numbers of calls, from 1."""
        self._store = store
        self._failing = failing
        self._after = after
        #: What was called, in order.
        self.called: list[str] = []

    def extent(self, spool: SpoolId) -> Extent:
        return self._call("extent", lambda: self._store.extent(spool))

    def chunk(self, spool: SpoolId, offset: int) -> Chunk | None:
        return self._call("chunk", lambda: self._store.chunk(spool, offset))

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        self._call("append", lambda: self._store.append(spool, chunks, extent))

    def remove(self, job: JobId, most: int) -> bool:
        return self._call("remove", lambda: self._store.remove(job, most))

    def commit(self) -> None:
        self._call("commit", self._store.commit)

    def sync(self) -> None:
        self._call("sync", self._store.sync)

    def close(self) -> None:
        self._store.close()

    def _call(self, name: str, call: Callable[[], Value]) -> Value:
        self.called.append(name)
        fails = len(self.called) in self._failing
        if fails and not self._after:
            self._fail()
        value = call()
        if fails:
            self._fail()
        return value

    def _fail(self) -> None:
        self._store.rollback()
        raise OutcomeUnknown("the disk did not answer")


class Voyage(Audience):
    """One spool on its way: an agent that keeps the protocol, the desk, the ledger, one store.

    A failure ends the session, as it would at the engine; the agent comes back and goes on from
    what it is told is stored.
    """

    def __init__(
        self,
        store: OutputStore,
        shelf: Shelf,
        spool: SpoolId,
        data: Sequence[bytes],
        output_max: int,
    ) -> None:
        super().__init__()
        self._shelf = shelf
        self._spool = spool
        self._frames = data
        self._whole = b"".join(data)
        self._inbox: deque[Item] = deque()
        self._switchboard = Switchboard()
        self._desk = OutputDesk(
            writer=self, queries=shelf, switchboard=self._switchboard, acknowledge_bytes=1
        )
        self._ledger = Ledger(store=store, clock=WorldClock(), audience=self, output_max=output_max)
        self._box = StreamBox()
        self._sent = self._freed = 0
        self.sessions = 0

    def put(self, item: Item) -> None:
        self._inbox.append(item)

    def run(self) -> None:
        """Until the end of the attempt is taken."""
        self._connect()
        while not self.ends:
            self._send()
            self._write()
            self._hear()

    def _connect(self) -> None:
        self.sessions += 1
        session = SessionId(f"{self.sessions:032x}")
        self._box = StreamBox()
        self._switchboard.open(session, self._box)
        extent = self._shelf.extent(self._spool)
        assert self._freed <= extent.durable <= extent.stored
        self._desk.open(session, self._spool, extent)
        self._sent = extent.stored
        self._session = session

    def _send(self) -> None:
        """The next frame, once again with the one before it (it may: the first write wins); behind
        the last one the Result."""
        at = 0
        for number, frame in enumerate(self._frames):
            if at == self._sent:
                before = self._frames[number - 1] if number % 3 == 2 else b""
                self._output(at - len(before), before + frame)
                self._sent += len(frame)
                return
            at += len(frame)
        self._desk.result(
            self._session,
            frames.Result(
                job=self._spool.job,
                attempt=self._spool.attempt,
                end=End(code=0),
                size=len(self._whole),
                crc=zlib.crc32(self._whole),
            ),
        )

    def _output(self, offset: int, data: bytes) -> None:
        frame = frames.Output(
            job=self._spool.job, attempt=self._spool.attempt, offset=offset, data=data
        )
        self._desk.output(self._session, frame)

    def _write(self) -> None:
        items = list(self._inbox)
        self._inbox.clear()
        try:
            self._ledger.write(items, idle=self._sent % 2 == 0)
        except OutcomeUnknown:
            self._ledger.forget()
            self._switchboard.close(self._session)
            self._desk.leave(self._session)
            self._connect()

    def _hear(self) -> None:
        for frame in self._box.empty():
            match frame:
                case frames.OutputAck(stored=stored, durable=durable):
                    extent = self._shelf.extent(self._spool)
                    assert stored <= extent.stored
                    assert durable <= extent.durable
                    self._freed = max(self._freed, durable)
                case frames.Resend(offset=offset):
                    assert offset >= self._freed
                    self._sent = offset

    # --- writer.Audience --------------------------------------------------------------------

    def stored(self, news: Sequence[Stored]) -> None:
        self._desk.stored(news)

    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None:
        self._desk.durable(extents)

    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None:
        self._desk.missing(session, spool, size)

    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None:
        assert self._shelf.extent(self._spool).durable == len(self._whole)
        super().sealed(session, result, extent)
