"""API tokens: remembered for a few seconds, but not beyond their end."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.stored_output import StoredOutput

from farhand_server.errors import Unauthenticated
from farhand_server.model.clock import UnixMs
from farhand_server.rpc.auth import Callers
from farhand_server.secrets import digest
from farhand_server.store import sqlite

TOKEN = "fh_x"


@dataclass(slots=True)
class Clock:
    """Stands still until it is set."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def unix_ms(self) -> UnixMs:
        return UnixMs(int(self.seconds * 1000))


class Store:
    """A deployment with one API token."""

    def __init__(self, data: Path) -> None:
        self.clock = Clock()
        self._output = StoredOutput(data)
        self._path = data / "farhand.db"
        sqlite.bootstrap(
            data,
            account="default",
            deployment_id="d",
            keys=[],
            token_hash=digest(TOKEN),
            token_name="ci",
            now_ms=0,
        )
        self.callers = Callers(replace(self._output.backend, clock=self.clock))

    def execute(self, sql: str) -> None:
        with sqlite3.connect(self._path) as database:
            database.execute(sql)
        database.close()

    def close(self) -> None:
        self._output.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


async def test_a_token_names_its_caller(store: Store) -> None:
    caller = await store.callers.principal(TOKEN)

    assert (caller.name, caller.account_name) == ("ci", "default")


async def test_a_revoked_token_works_for_a_few_seconds_at_most(store: Store) -> None:
    await store.callers.principal(TOKEN)
    store.execute("DELETE FROM api_tokens")
    store.clock.seconds = Callers.REMEMBER_SECONDS
    await store.callers.principal(TOKEN)
    store.clock.seconds += 0.001

    with pytest.raises(Unauthenticated, match="not valid"):
        await store.callers.principal(TOKEN)


async def test_an_expired_token_is_refused_while_it_is_remembered(store: Store) -> None:
    store.execute("UPDATE api_tokens SET expires = 2000")
    await store.callers.principal(TOKEN)
    store.clock.seconds = 2.0

    with pytest.raises(Unauthenticated, match='"ci" has expired'):
        await store.callers.principal(TOKEN)
