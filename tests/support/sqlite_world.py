"""A world whose state lies in a real database, every verb of which can be made to fail once."""

import contextlib
import enum
import functools
import sqlite3
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.memory import Failure, Tables
from tests.support.world.rows import first_rows

from farhand_server.core.ports import Tx
from farhand_server.errors import OutcomeUnknown
from farhand_server.model.job import Job
from farhand_server.store.sqlite import SqliteStateStore, create, rows
from farhand_server.store.sqlite.connection import open_reader, open_state

COMMIT = "commit"


class Side(enum.Enum):
    """Whether what failed had been done."""

    BEFORE = enum.auto()
    AFTER = enum.auto()


@dataclass(frozen=True, slots=True)
class Point:
    """The nth call of a verb."""

    verb: str
    nth: int
    side: Side


class Faults:
    """Counts calls, and fails at one point."""

    def __init__(self, at: Point | None = None) -> None:
        self._at = at
        self.calls: Counter[str] = Counter()
        self.fired = False

    def reach(self, verb: str, side: Side) -> None:
        """Raises what a database raises."""
        self.calls[verb] += side is Side.BEFORE
        if self._at == Point(verb, self.calls[verb], side):
            self.fired = True
            raise sqlite3.OperationalError(f"{verb} failed")


class FaultyTx:
    """Implements Tx; remembers what became of jobs."""

    def __init__(self, tx: Tx, faults: Faults) -> None:
        self._tx = tx
        self._faults = faults
        self.moves: list[tuple[Job | None, Job]] = []

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        call = getattr(self._tx, verb)

        def guarded(*values: Any, **named: Any) -> Any:
            self._faults.reach(verb, Side.BEFORE)
            before = self._tx.job(values[0].id) if verb == "swap_job" else None
            result = call(*values, **named)
            if result is True or verb == "add_job":
                self.moves.append((before, values[-1]))
            self._faults.reach(verb, Side.AFTER)
            return result

        return guarded


class SqliteRows:
    """Implements StateStore over the real one, and shows its rows as the world looks at them."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        path = folder / "farhand.db"
        path.write_bytes(_first_rows())
        self._store = SqliteStateStore(path)
        self._reader = open_reader(path)
        self._version = 0
        self._tables = Tables()
        self._faults = faults
        self.commits = 0
        self.history: list[tuple[Job | None, Job]] = []
        #: Nothing here: `faults` says what fails.
        self.fail_next: deque[Failure] = deque()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._store.transaction() as tx:
            watched = FaultyTx(tx, self._faults)
            yield watched
            self._faults.reach(COMMIT, Side.BEFORE)
        self.commits += 1
        self.history += watched.moves
        self.commits += 1
        try:
            self._faults.reach(COMMIT, Side.AFTER)
        except sqlite3.Error as error:
            raise OutcomeUnknown("the disk did not answer") from error

    def close(self) -> None:
        self._store.close()
        self._reader.close()

    @property
    def tables(self) -> Tables:
        """What is committed, as far as a world wants to know it; read again after each change."""
        (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            jobs = map(rows.job, self._reader.execute(f"SELECT {rows.JOB_COLUMNS} FROM jobs"))
            workers = map(rows.worker, self._reader.execute(rows.WORKER_SELECT))
            self._tables = Tables(
                jobs={job.id: job for job in jobs},
                workers={worker.id: worker for worker in workers},
            )
        return self._tables


@functools.cache
def _first_rows() -> bytes:
    """A database in which a world may begin."""
    first = first_rows()
    with tempfile.TemporaryDirectory() as folder:
        create(Path(folder))
        path = Path(folder, "farhand.db")
        with closing(open_state(path)) as connection:
            connection.execute("INSERT INTO deployments (id, created) VALUES ('d-1', 0)")
            for account in first.accounts.values():
                values = (account.id, account.name)
                connection.execute("INSERT INTO accounts (id, name) VALUES (?, ?)", values)
        with closing(SqliteStateStore(path)) as store, store.transaction() as tx:
            for group in first.groups.values():
                tx.add_group(group.account, group.name, group.created)
            for key in first.keys.values():
                tx.save_account_key(key)
            for runbook in first.runbooks.values():
                tx.save_runbook(runbook, script=first.scripts[runbook.draft_digest])
        return path.read_bytes()
