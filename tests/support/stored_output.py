"""Output of jobs in a real store, and the part of the edge that reads it."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from farhand_server.app import SystemClock
from farhand_server.engine import OutputDesk, Switchboard
from farhand_server.engine.writer import Append, Ledger, OutputWriter, Stored
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import Extent, SpoolId
from farhand_server.rpc.backend import Backend
from farhand_server.store import sqlite
from farhand_wire import spool as spools
from farhand_wire.spool import Kind

Part = tuple[Kind, bytes]


class Nobody:
    """Rules that are never asked, and an audience that hears nothing."""

    async def ask(self, make: object) -> object:
        raise AssertionError("the rules are not needed here")

    def tell(self, event: object) -> None:
        raise AssertionError("the rules are not needed here")

    def lose(self, session: SessionId, *, clean: bool) -> None:
        raise AssertionError("the rules are not needed here")

    def stored(self, news: Sequence[Stored]) -> None: ...
    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None: ...
    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None: ...
    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None: ...
    def failed(self, error: Exception) -> None: ...

    def violated(self, session: SessionId, problem: str) -> None:
        raise AssertionError(problem)


class StoredOutput:
    """Spools that tests write, and a backend to read them with."""

    def __init__(self, data: Path) -> None:
        sqlite.create(data)
        clock = SystemClock()
        self.queries = sqlite.SqliteQueries(data / "farhand.db", data / "output.db")
        switchboard = Switchboard()
        writer = OutputWriter(
            store=lambda: sqlite.SqliteOutputStore(data / "output.db"), clock=clock
        )
        self._store = sqlite.SqliteOutputStore(data / "output.db")
        self._ledger = Ledger(store=self._store, clock=clock, audience=Nobody())
        self._numbers = itertools.count()
        self.backend = Backend(
            rules=Nobody(),
            desk=OutputDesk(writer=writer, queries=self.queries, switchboard=switchboard),
            switchboard=switchboard,
            queries=self.queries,
            clock=clock,
            chance=os.urandom,
        )

    def write(self, entries: Sequence[bytes], *, together: int = 3) -> SpoolId:
        """A new spool with these entries, some of them in each append."""
        spool = SpoolId(job=JobId(f"job-{next(self._numbers)}"), attempt=1)
        self.append(spool, entries, together=together)
        return spool

    def append(self, spool: SpoolId, entries: Sequence[bytes], *, together: int = 3) -> None:
        """More entries."""
        for start in range(0, len(entries), together):
            data = b"".join(entries[start : start + together])
            offset = self.queries.extent(spool).stored
            item = Append(session=SessionId("s"), spool=spool, offset=offset, data=data)
            self._ledger.write([item], idle=False)

    def close(self) -> None:
        self._store.close()


def packed(parts: Sequence[Part]) -> list[bytes]:
    """Entries, one millisecond apart."""
    return [spools.pack(kind, ms, data) for ms, (kind, data) in enumerate(parts)]
