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

from tests.support import killed_files
from tests.support.memory import Crash, Failure, Tables
from tests.support.world.rows import first_rows

from farhand_server.core.ports import Tx
from farhand_server.errors import OutcomeUnknown
from farhand_server.model.account import Generation
from farhand_server.model.clock import UnixMs
from farhand_server.model.job import Attempt, Job
from farhand_server.store.sqlite import SqliteStateStore, create, job_rows, rows
from farhand_server.store.sqlite.connection import open_reader, open_state
from farhand_server.store.sqlite.deployment import mark_restored

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
        """Raises what a database raises; Crash: the process dies here."""
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
        #: The verbs that it was asked for, in order.
        self.verbs: list[str] = []

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        call = getattr(self._tx, verb)

        def guarded(*values: Any, **named: Any) -> Any:
            self.verbs.append(verb)
            self._faults.reach(verb, Side.BEFORE)
            before = self._tx.job(values[0].id) if verb == "swap_job" else None
            result = call(*values, **named)
            if result is True or verb == "add_job":
                self.moves.append((before, values[-1]))
            self._faults.reach(verb, Side.AFTER)
            return result

        return guarded


class SqliteRows:
    """Implements State over the real store, and shows its rows as the world looks at them."""

    def __init__(self, folder: Path, faults: Faults | None = None) -> None:
        self._path = folder / "farhand.db"
        self._path.write_bytes(_first_rows())
        self._faults = faults or Faults()
        self.commits = 0
        self.history: list[tuple[Job | None, Job]] = []
        self.fail_next: deque[Failure] = deque()
        #: The verbs of the last transaction.
        self.asked: tuple[str, ...] = ()
        self._open()

    def _open(self) -> None:
        self._left: killed_files.Files = {}
        self._store = SqliteStateStore(self._path)
        self._reader = open_reader(self._path)
        self._version = 0
        self._tables = Tables()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Any]:
        failure = None
        with self._store.transaction() as tx:
            watched = FaultyTx(tx, self._faults)
            yield watched
            self.asked = tuple(watched.verbs)
            self._reach(Side.BEFORE)
            written = self._store._connection.in_transaction
            if written and self.fail_next:
                failure = self.fail_next.popleft()
            _fail_before(failure)
        self.history += watched.moves
        self.commits += written
        try:
            self._reach(Side.AFTER)
        except sqlite3.Error as error:
            raise OutcomeUnknown("the disk did not answer") from error
        _fail_after(failure)

    def close(self) -> None:
        self._store.close()
        self._reader.close()

    def _reach(self, side: Side) -> None:
        try:
            self._faults.reach(COMMIT, side)
        except Crash:
            self._left = killed_files.taken(self._path)
            raise

    def crash(self) -> None:
        """The next process opens what is there, or was when this one died."""
        left = self._left or killed_files.taken(self._path)
        self.close()
        killed_files.put_back(left)
        self._open()

    def back_up(self) -> bytes:
        """Taken while the server runs."""
        with (
            closing(sqlite3.connect(self._path)) as source,
            closing(sqlite3.connect(":memory:")) as to,
        ):
            source.backup(to)
            return to.serialize()

    def go_back(self, saved: bytes, now: UnixMs) -> None:
        self.close()
        for old in self._path.parent.glob(f"{self._path.name}*"):
            old.unlink()
        self._path.write_bytes(saved)
        mark_restored(self._path, now)
        self._open()

    @property
    def tables(self) -> Tables:
        """What is committed, as far as a world wants to know it; read again after each change."""
        (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            self._tables = _tables(self._reader)
        return self._tables


def _fail_before(failure: Failure | None) -> None:
    if failure is Failure.CRASH_BEFORE_COMMIT:
        raise Crash
    if failure is Failure.COMMIT_FAILS:
        raise sqlite3.OperationalError("the disk is full")


def _fail_after(failure: Failure | None) -> None:
    if failure is Failure.CRASH_AFTER_COMMIT:
        raise Crash
    if failure is Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE:
        raise OutcomeUnknown("the disk did not answer")


def _tables(reader: sqlite3.Connection) -> Tables:
    def all_(what: str) -> list[sqlite3.Row]:
        return reader.execute(what).fetchall()

    jobs = map(job_rows.job, all_(f"SELECT {job_rows.JOB_COLUMNS} FROM jobs ORDER BY key"))
    workers = map(rows.worker, all_(rows.WORKER_SELECT))
    attempts = [Attempt(**dict(row)) for row in all_("SELECT * FROM attempts")]
    generation = all_("SELECT generation AS number, restored FROM deployments")
    return Tables(
        jobs={job.id: job for job in jobs},
        workers={worker.id: worker for worker in workers},
        attempts={(attempt.job, attempt.attempt): attempt for attempt in attempts},
        generation=Generation(**dict(generation[0])) if generation else Generation(),
    )


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
