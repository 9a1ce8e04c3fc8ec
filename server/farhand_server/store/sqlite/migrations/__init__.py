"""Numbered .sql files, applied in order, each in one transaction with the record of it."""

import sqlite3
from importlib import resources
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations


def migrate(connection: sqlite3.Connection, what: str) -> None:
    """Brings a database up to date; `what` is "state" or "output"."""
    migrations = Migrations(f"farhand-{what}")
    folder = resources.files(__name__) / what
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            _add(migrations, file.name.removesuffix(".sql"), file.read_text())
    database = sqlite_utils.Database(connection)
    migrations.apply(database)


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
