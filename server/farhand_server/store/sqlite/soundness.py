"""Whether a database is what was written: structure, schema, rows that can be read."""

import sqlite3
from contextlib import closing
from pathlib import Path

from farhand_server.errors import StartError
from farhand_server.store.sqlite import migrations
from farhand_server.store.sqlite.connection import (
    FAILURES,
    damaged,
    is_damage,
    open_examiner,
    open_reader,
    refusal,
    usable,
)
from farhand_server.store.sqlite.migrations import Chain

#: Larger databases are not looked through at every start: this takes a second.
THOROUGH_BYTES = 128 * 1024 * 1024
#: Problems of one kind that are named.
NAMED = 5


def require(connection: sqlite3.Connection, path: Path, what: str) -> None:
    """Refuses a schema that this version cannot work with. Raises StartError."""
    with usable(path):
        found = migrations.chain(connection, what)
        if found.unknown and not found.pending:
            raise StartError(
                f"{path} was made by a newer farhand-server",
                why=f"it has {', '.join(found.unknown)}, this version ends with {found.known[-1]}",
                do="start that version again, or restore a backup of this one",
            )
        expected, present = (
            migrations.columns_after(what, found.applied),
            migrations.columns(connection),
        )
        if found.unknown or not expected <= present or (present and not found.applied):
            raise damaged(path, "its tables are not those of any farhand-server")


def chain(path: Path, what: str) -> Chain:
    """How far a database is. Raises StartError unless this version can work with it."""
    with usable(path), closing(open_reader(path)) as connection:
        require(connection, path, what)
        return migrations.chain(connection, what)


def examine(path: Path, *, thorough: bool = True) -> list[str]:
    """What is wrong with the structure of a database; without `thorough`, indexes are believed.
    Raises StartError when it cannot be looked at."""
    pragma = "integrity_check" if thorough else "quick_check"
    try:
        with closing(open_examiner(path)) as connection:
            torn = _is_torn(connection, path)
            found = [row[0] for row in connection.execute(f"PRAGMA {pragma}({NAMED})")]
            strays = connection.execute("PRAGMA foreign_key_check").fetchmany(NAMED)
    except FAILURES as error:
        if is_damage(error):
            return [str(error)]
        raise refusal(path, error) from error
    wrong = ["the file ends within a page"] if torn else []
    wrong += [text for text in found if text != "ok"]
    return wrong + [
        f"a row of {row[0]} names a row of {row[2]} that is not there" for row in strays
    ]


def _is_torn(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the last page is not all here, and no log holds the rest of it."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return False
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return path.stat().st_size % int(page) != 0
