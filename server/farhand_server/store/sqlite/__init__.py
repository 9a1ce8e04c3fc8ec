"""SQLite: two files, one writer each; `farhand.db` holds the state, `output.db` the bytes."""

from farhand_server.store.sqlite.bootstrap import bootstrap, create
from farhand_server.store.sqlite.output import SqliteOutputStore
from farhand_server.store.sqlite.queries import SqliteQueries
from farhand_server.store.sqlite.state import SqliteStateStore

__all__ = [
    "SqliteOutputStore",
    "SqliteQueries",
    "SqliteStateStore",
    "bootstrap",
    "create",
]
