"""Connections to SQLite with the settings that the promises need."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from farhand_server.errors import ConstraintBroken, OutcomeUnknown, StartError

#: Pages of WAL before a checkpoint: 16 MB of state, 31 MB of output.
STATE_CHECKPOINT = 4000
OUTPUT_CHECKPOINT = 2000
OUTPUT_PAGE = 16384


def open_state(path: Path) -> sqlite3.Connection:
    """The state's writer: a commit survives a loss of power."""
    connection = _open(path)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={STATE_CHECKPOINT}")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def open_output(path: Path) -> sqlite3.Connection:
    """The output's writer: a commit survives a crash of the process, a sync a loss of power."""
    connection = _open(path)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={OUTPUT_CHECKPOINT}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Reads what is committed and never blocks the writer."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout=5000")
    return connection


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.row_factory = sqlite3.Row
        if path.name.startswith("output"):
            # Takes effect only before the first table is made.
            connection.execute(f"PRAGMA page_size={OUTPUT_PAGE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
    except sqlite3.Error as error:
        raise StartError(
            f"{path} cannot be opened: {error}; restore it from a backup, or move it away"
        ) from error
    return connection


@contextlib.contextmanager
def outcome_unknown() -> Iterator[None]:
    """Every failure of the database while writing means that the outcome is open."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ConstraintBroken(str(error)) from error
    except sqlite3.Error as error:
        raise OutcomeUnknown(str(error)) from error
