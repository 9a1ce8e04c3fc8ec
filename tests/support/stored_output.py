"""Output of jobs in a real store, and the part of the edge that reads it."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from tests.support.audience import Audience

from farhand_server.app import SystemClock
from farhand_server.core.output import REFUSED_RESULTS
from farhand_server.engine import OutputDesk, Switchboard
from farhand_server.engine.writer import Append, Item, Ledger, Seal, Stored
from farhand_server.model.frames import Result
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.job import End
from farhand_server.model.output import SpoolId
from farhand_server.rpc.backend import Backend
from farhand_server.store import sqlite
from farhand_wire import limits
from farhand_wire import spool as spools
from farhand_wire.spool import Kind

Part = tuple[Kind, bytes]


class Unused:
    """Rules and a writer that are never needed."""

    async def ask(self, make: object) -> object:
        raise AssertionError("the rules are not needed here")

    def tell(self, event: object) -> None:
        raise AssertionError("the rules are not needed here")

    def lose(self, session: SessionId, *, clean: bool) -> None:
        raise AssertionError("the rules are not needed here")

    def put(self, item: Item) -> None:
        raise AssertionError("the writer is not needed here")


class Hearsay(Audience):
    """Keeps little, and complaints not at all."""

    def stored(self, news: Sequence[Stored]) -> None: ...

    def refused(self, session: SessionId, reason: str) -> None:
        raise AssertionError(reason)

    def violated(self, session: SessionId, reason: str) -> None:
        raise AssertionError(reason)


class StoredOutput:
    """Spools that tests write, and a backend to read them with."""

    def __init__(self, data: Path, *, output_max: int = limits.OUTPUT_MAX_BYTES) -> None:
        sqlite.create(data)
        self.path = data / "output.db"
        clock = SystemClock()
        self.queries = sqlite.SqliteQueries(data / "farhand.db", data / "output.db")
        switchboard = Switchboard()
        self._audience = Hearsay()
        self._store = sqlite.SqliteOutputStore(self.path)
        self._ledger = Ledger(
            store=self._store, clock=clock, audience=self._audience, output_max=output_max
        )
        self._numbers = itertools.count()
        self.backend = Backend(
            rules=Unused(),
            desk=OutputDesk(writer=Unused(), queries=self.queries, switchboard=switchboard),
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
        offset = self.queries.extent(spool).stored
        for start in range(0, len(entries), together):
            data = b"".join(entries[start : start + together])
            item = Append(session=SessionId("s"), spool=spool, offset=offset, data=data)
            self._ledger.write([item], idle=False)
            offset += len(data)

    def misreport(self, spool: SpoolId, *, code: int) -> str:
        """Its worker insists on another checksum, until it is believed; gives what is kept of
        that."""
        extent = self.queries.extent(spool)
        result = Result(
            job=spool.job,
            attempt=spool.attempt,
            end=End(code=code),
            size=extent.stored,
            crc=extent.crc ^ 1,
        )
        seal = Seal(session=SessionId("s"), spool=spool, result=result)
        ledger = Ledger(store=self._store, clock=SystemClock(), audience=Audience())
        for _ in range(REFUSED_RESULTS + 1):
            ledger.write([seal], idle=True)
        return self.queries.extent(spool).mismatch

    def close(self) -> None:
        self._store.close()


def packed(parts: Sequence[Part]) -> list[bytes]:
    """Entries, one millisecond apart."""
    return [spools.pack(kind, ms, data) for ms, (kind, data) in enumerate(parts)]
