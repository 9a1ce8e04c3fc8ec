"""Connections to SQLite with the settings that the promises need."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from farhand_server.errors import ConstraintBroken, OutcomeUnknown, StartError, StoreDamaged

#: Pages of WAL before a checkpoint: 16 MB of state, 31 MB of output.
STATE_CHECKPOINT = 4000
OUTPUT_CHECKPOINT = 2000
OUTPUT_PAGE = 16384
#: Somebody else's lock is waited for so long, in milliseconds.
BUSY_MS = 5000
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: How a database fails; the second when even its complaint holds text that is none.
FAILURES = (sqlite3.Error, UnicodeDecodeError)


def open_state(path: Path, *, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """The state's writer: a commit survives a loss of power. Raises StartError."""
    connection = _open(path, busy_ms)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={STATE_CHECKPOINT}")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def open_output(path: Path, *, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """The output's writer: a commit survives a crash of the process, a sync a loss of power.
    Raises StartError."""
    connection = _open(path, busy_ms)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={OUTPUT_CHECKPOINT}")
    return connection


def open_reader(path: Path, *, mode: str = "ro") -> sqlite3.Connection:
    """Reads what is committed and never blocks the writer."""
    place = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(place, uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    return connection


def open_examiner(path: Path) -> sqlite3.Connection:
    """A reader that knows the CHECK constraints: SQLite forgets them for files it may not write."""
    connection = open_reader(path, mode="rw")
    connection.execute("PRAGMA query_only=ON")
    return connection


def _open(path: Path, busy_ms: int) -> sqlite3.Connection:
    with usable(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _settle(connection, path, busy_ms)
        except BaseException:
            connection.close()
            raise
    return connection


def _settle(connection: sqlite3.Connection, path: Path, busy_ms: int) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout={busy_ms}")
    if path.name.startswith("output"):
        # Takes effect only before the first table is made.
        connection.execute(f"PRAGMA page_size={OUTPUT_PAGE}")
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise StartError(
            f"{path} cannot have a write-ahead log",
            why=f"SQLite answered {mode}: the file system has no shared memory",
            do="choose a --data on a local disk",
        )
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA trusted_schema=OFF")


@contextlib.contextmanager
def usable(path: Path) -> Iterator[None]:
    """Failures of the database before it serves. Raises StartError."""
    try:
        yield
    except FAILURES as error:
        raise refusal(path, error) from error


def is_damage(error: Exception) -> bool:
    """Whether the file, not the moment, is wrong. Text that is none has no code."""
    return _code(error, otherwise=sqlite3.SQLITE_CORRUPT) in _DAMAGE


def _code(error: Exception, *, otherwise: int = 0) -> int:
    code: int = getattr(error, "sqlite_errorcode", otherwise)
    return code & 0xFF


def refusal(path: Path, error: Exception) -> StartError:
    """A failure of the database before it serves, in words."""
    if is_damage(error):
        return damaged(path, str(error))
    if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StartError(
            f"{path} is locked", why=str(error), do="end the other program that has it open"
        )
    return StartError(
        f"{path} cannot be used", why=str(error), do="look at the disk, and at who may write there"
    )


def damaged(path: Path, why: str) -> StartError:
    """The refusal to work with a file that is not what was written."""
    if path.name.startswith("output"):
        do = (
            "restore a backup, or go on without the output of earlier jobs: "
            f"mv {path}* SOMEWHERE_ELSE"
        )
    else:
        do = "restore a backup: farhand-server restore FILE --data AN_EMPTY_DIRECTORY"
    return StartError(f"{path} is damaged", why=why, do=do)


@contextlib.contextmanager
def outcome_unknown() -> Iterator[None]:
    """Every failure of the database while writing means that the outcome is open. Raises
    OutcomeUnknown, and its kinds where trying again does not help."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ConstraintBroken(str(error)) from error
    except sqlite3.Error as error:
        kind = StoreDamaged if _code(error) in _DAMAGE else OutcomeUnknown
        raise kind(str(error)) from error
