"""A database copied while others write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from farhand_server.errors import StartError
from farhand_server.store.sqlite.connection import open_reader, usable

#: Pages copied without a look at who else wants the processor.
PAGES = 256


def copy(source: Path, target: Path) -> None:
    """Makes `target` what `source` is at this moment. Writers of the source do not notice: in a
    write-ahead log they never wait for a reader. Raises StartError."""
    if not source.exists():
        raise StartError(f"there is no {source}", do="look at --data")
    with usable(source), closing(open_reader(source)) as reader, closing(_new(target)) as copied:
        # One snapshot for all pages: without it every commit of somebody else would begin it again.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        reader.backup(copied, pages=PAGES)


def _new(path: Path) -> sqlite3.Connection:
    """Thrown away as a whole if anything fails: it needs no journal and waits for no disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    return connection
