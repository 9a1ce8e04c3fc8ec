"""SQLite: two files, one writer each; `farhand.db` holds the state, `output.db` the bytes."""

from farhand_server.store.sqlite.bootstrap import bootstrap, create
from farhand_server.store.sqlite.completeness import Completeness, completeness
from farhand_server.store.sqlite.connection import BUSY_MS, damaged
from farhand_server.store.sqlite.copying import copy
from farhand_server.store.sqlite.deployment import (
    account_keys,
    deployment_id,
    latest,
    mark_restored,
)
from farhand_server.store.sqlite.output import SqliteOutputStore
from farhand_server.store.sqlite.queries import SqliteQueries
from farhand_server.store.sqlite.reading import unreadable
from farhand_server.store.sqlite.sealing import boxes, clear_secrets, reseal, sealing_keys
from farhand_server.store.sqlite.soundness import chain, examine
from farhand_server.store.sqlite.state import SqliteStateStore
from farhand_server.store.sqlite.upgrade import Upgraded, upgrade

__all__ = [
    "BUSY_MS",
    "Completeness",
    "SqliteOutputStore",
    "SqliteQueries",
    "SqliteStateStore",
    "Upgraded",
    "account_keys",
    "bootstrap",
    "boxes",
    "chain",
    "clear_secrets",
    "completeness",
    "copy",
    "create",
    "damaged",
    "deployment_id",
    "examine",
    "latest",
    "mark_restored",
    "reseal",
    "sealing_keys",
    "unreadable",
    "upgrade",
]
