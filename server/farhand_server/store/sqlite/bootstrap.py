"""The first rows of a deployment."""

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from farhand_server.errors import StartError
from farhand_server.model.account import AccountKey
from farhand_server.model.worker import CLOUD
from farhand_server.store.sqlite.connection import open_output, open_state
from farhand_server.store.sqlite.migrations import migrate


def create(data: Path) -> None:
    """Makes both databases in a data directory, or brings them up to date."""
    for name, opener, what in (
        ("farhand.db", open_state, "state"),
        ("output.db", open_output, "output"),
    ):
        path = data / name
        make_file(path)
        with closing(opener(path)) as connection:
            migrate(connection, what)


def make_file(path: Path) -> None:
    """An empty database for its owner alone, unless there is one."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def bootstrap(
    data: Path,
    *,
    account: str,
    deployment_id: str,
    keys: Sequence[AccountKey],
    token_hash: str,
    token_name: str,
    now_ms: int,
) -> None:
    """The deployment, its first account (id 1) with both keys and the group of the control plane's
    own worker, and the first owner's token.

    Raises StartError if the databases hold a deployment already.
    """
    with closing(open_state(data / "farhand.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM deployments").fetchone():
            raise StartError(f"{data} holds a deployment already", do="choose another directory")
        connection.execute(
            "INSERT INTO deployments (id, created) VALUES (?, ?)", (deployment_id, now_ms)
        )
        connection.execute("INSERT INTO accounts (id, name) VALUES (1, ?)", (account,))
        connection.executemany(
            "INSERT INTO account_keys (account, slot, hash, sealed) VALUES (1, ?, ?, ?)",
            [(key.slot.value, key.hash, key.sealed) for key in keys],
        )
        connection.execute(
            "INSERT INTO api_tokens (hash, account, name, created) VALUES (?, 1, ?, ?)",
            (token_hash, token_name, now_ms),
        )
        connection.execute(
            "INSERT INTO groups (account, name, created) VALUES (1, ?, ?)", (CLOUD, now_ms)
        )
        connection.execute("COMMIT")
