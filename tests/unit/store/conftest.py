"""Both kinds of each store, empty but for one account."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support import samples
from tests.support.memory import MemoryStateStore, Tables
from tests.support.output_processes import Bytes, MemoryBytes, SqliteBytes

from farhand_server.engine.ports import StateStore
from farhand_server.model.account import Account, KeySlot
from farhand_server.model.identifiers import AccountId
from farhand_server.store.sqlite import SqliteStateStore, bootstrap, create
from farhand_server.store.sqlite.connection import open_state


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with both databases, a deployment, and an account of somebody else."""
    create(tmp_path)
    bootstrap(
        tmp_path,
        account="default",
        deployment_id="d-1",
        keys=[samples.key(slot) for slot in KeySlot],
        token_hash="o" * 64,
        token_name="owner",
        now_ms=1_700_000_000_000,
    )
    with closing(open_state(tmp_path / "farhand.db")) as connection:
        connection.execute("INSERT INTO accounts (id, name) VALUES (2, 'other')")
    return tmp_path


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest) -> Iterator[StateStore]:
    """Every kind of state store keeps the same promises."""
    if request.param == "memory":
        keys = {(key.account, key.slot): key for key in map(samples.key, KeySlot)}
        names = {samples.ACCOUNT: "default", AccountId(2): "other"}
        accounts = {id_: Account(id=id_, name=name) for id_, name in names.items()}
        yield MemoryStateStore(Tables(accounts=accounts, keys=keys))
        return
    store = SqliteStateStore(request.getfixturevalue("data") / "farhand.db")
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite"])
def output(request: pytest.FixtureRequest) -> Iterator[Bytes]:
    """Every kind of output store keeps the same promises."""
    made: Bytes = MemoryBytes()
    if request.param == "sqlite":
        made = SqliteBytes(request.getfixturevalue("data") / "output.db")
    yield made
    made.store.close()
