"""Rows of the state, read as the rules will read them: a flipped bit in a value breaks no page."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

from farhand_server.store.sqlite import job_rows, rows
from farhand_server.store.sqlite.connection import open_reader, usable

#: Rows of one table that are named.
NAMED = 3
#: What each is called, how it is selected, and who reads it. Final jobs are history.
_KINDS: tuple[tuple[str, str, Callable[[sqlite3.Row], object]], ...] = (
    ("job", f"SELECT {job_rows.JOB_COLUMNS} FROM jobs", job_rows.job),
    ("worker", rows.WORKER_SELECT, rows.worker),
    ("runbook", "SELECT * FROM runbooks", rows.runbook),
    ("group", "SELECT * FROM groups", rows.group),
    ("registration token", "SELECT * FROM registration_tokens", rows.registration_token),
    ("account key", "SELECT * FROM account_keys", rows.account_key),
)


def unreadable(path: Path, *, history: bool) -> list[str]:
    """Rows that mean nothing; of jobs only those that are not over, without `history`. Only their
    names: values may be secret. Raises StartError."""
    found: list[str] = []
    with usable(path), closing(open_reader(path)) as connection:
        connection.text_factory = _text
        for kind, select, read in _KINDS:
            where = f" WHERE {job_rows.OPEN}" if kind == "job" and not history else ""
            bad = (row[0] for row in connection.execute(select + where) if not _can(read, row))
            found += [f"{kind} {name!r} cannot be read" for name in islice(bad, NAMED)]
    return found


def _text(value: bytes) -> str:
    """Text that is none must not end the reading."""
    return value.decode(errors="surrogateescape")


def _can(read: Callable[[sqlite3.Row], object], row: sqlite3.Row) -> bool:
    try:
        read(row)
        for value in row:
            if isinstance(value, str):
                value.encode()
    except (ValueError, KeyError, TypeError):
        return False
    return True
