"""The state: one connection, one thread, one transaction a batch."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from farhand_server.store.sqlite.access import Access
from farhand_server.store.sqlite.assets import Assets
from farhand_server.store.sqlite.connection import BUSY_MS, open_state, outcome_unknown
from farhand_server.store.sqlite.fleet import Fleet
from farhand_server.store.sqlite.jobs import Jobs
from farhand_server.store.sqlite.restores import Restores
from farhand_server.store.sqlite.runbooks import Runbooks


class SqliteStateStore:
    """Implements StateStore. To be made and used on one thread."""

    def __init__(self, path: Path, *, busy_ms: int = BUSY_MS) -> None:
        """Waits for locks of others at most `busy_ms`. Raises StartError."""
        self._connection = open_state(path, busy_ms=busy_ms)
        self._tx = SqliteTx(self._connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator["SqliteTx"]:
        """Commits if anything was written. Raises OutcomeUnknown when the database failed."""
        try:
            with outcome_unknown():
                yield self._tx
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()


class SqliteTx(Jobs, Runbooks, Assets, Fleet, Access, Restores):
    """Implements Tx. The one writer needs no transaction to read; the first write begins it."""
