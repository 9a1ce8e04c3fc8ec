"""Numbered .sql files, applied in order, each in one transaction with the record of it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

#: The version of an empty database.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Migrations by name, in order: those a database has had, and those that this version has."""

    applied: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def version(self) -> str:
        """How far the database is."""
        return self.applied[-1] if self.applied else NOTHING

    @property
    def pending(self) -> tuple[str, ...]:
        return tuple(name for name in self.known if name not in self.applied)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Those of a newer version."""
        return tuple(name for name in self.applied if name not in self.known)


def chain(connection: sqlite3.Connection, what: str) -> Chain:
    """Reads how far a database is; `what` is "state" or "output"."""
    database = sqlite_utils.Database(connection)
    applied = Migrations(_set(what)).applied(database)
    return Chain(applied=tuple(one.name for one in applied), known=tuple(_scripts(what)))


def migrate(connection: sqlite3.Connection, what: str) -> None:
    """Brings a database up to date; `what` is "state" or "output"."""
    migrations = Migrations(_set(what))
    for name, script in _scripts(what).items():
        _add(migrations, name, script)
    migrations.apply(sqlite_utils.Database(connection))


def columns(connection: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    """What the tables and indexes of a database are made of. Not the text of their definitions:
    it differs with the version of SQLite that altered a table."""
    found = connection.execute(
        'SELECT made.tbl_name, made.name, part.name, part.type, part."notnull", part.pk '
        "FROM sqlite_schema AS made JOIN pragma_table_xinfo(made.name) AS part "
        "WHERE made.type = 'table' UNION ALL "
        "SELECT made.tbl_name, made.name, part.name, part.seqno, part.cid, NULL "
        "FROM sqlite_schema AS made JOIN pragma_index_info(made.name) AS part "
        "WHERE made.type = 'index'"
    )
    return frozenset(tuple(row) for row in found)


def columns_after(what: str, applied: tuple[str, ...]) -> frozenset[tuple[object, ...]]:
    """What these migrations give."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as plain:
        for name, script in _scripts(what).items():
            if name in applied:
                plain.executescript(script)
        return columns(plain)


def _set(what: str) -> str:
    return f"farhand-{what}"


def _scripts(what: str) -> dict[str, str]:
    """By name, in order."""
    files = (resources.files(__name__) / what).iterdir()
    return {
        file.name.removesuffix(".sql"): file.read_text()
        for file in sorted(files, key=lambda entry: entry.name)
        if file.name.endswith(".sql")
    }


def _add(migrations: Migrations, name: str, script: str) -> None:
    @migrations(name=name)
    def apply(database: Any) -> None:
        for statement in _statements(script):
            database.conn.execute(statement)


def _statements(script: str) -> list[str]:
    """One by one: `executescript` would commit the transaction around them."""
    statements: list[str] = []
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            statements.append(held)
            held = ""
    return statements
