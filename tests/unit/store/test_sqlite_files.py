"""What SQLite promises beyond the ports: its files, its settings, its failures."""

import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import sqlite_utils
from sqlite_utils.migrations import Migrations
from tests.support import samples
from tests.support.samples import ACCOUNT, job_id

from farhand_server.engine.ports import OutputStore, StateStore
from farhand_server.errors import OutcomeUnknown, StartError
from farhand_server.model.account import Generation, KeySlot
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, WorkerId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.store.sqlite import (
    SqliteOutputStore,
    SqliteQueries,
    SqliteStateStore,
    bootstrap,
    create,
    migrations,
)
from farhand_server.store.sqlite.connection import open_output, open_state

SPOOL = SpoolId(job=job_id(1), attempt=1)


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def schema(connection: sqlite3.Connection) -> set[str]:
    """Everything but the record of migrations."""
    found = connection.execute(
        "SELECT sql FROM sqlite_master "
        "WHERE sql IS NOT NULL AND tbl_name NOT IN ('_sqlite_migrations')"
    )
    return {row[0] for row in found}


@contextmanager
def full_disk(*files: Path) -> Iterator[None]:
    """No file may grow beyond the largest of these."""
    most = max(file.stat().st_size for file in files)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- files and settings ---------------------------------------------------------------------


@pytest.mark.parametrize("what", ["state", "output"])
def test_the_chain_of_migrations_gives_the_schema(data: Path, what: str) -> None:
    name = {"state": "farhand.db", "output": "output.db"}[what]
    files = sorted((resources.files(migrations) / what).iterdir(), key=lambda file: file.name)
    with closing(sqlite3.connect(":memory:")) as plain, closing(open_state(data / name)) as made:
        for file in files:
            plain.executescript(file.read_text())

        assert schema(made) == schema(plain)


def test_rows_of_a_first_version_go_on(tmp_path: Path) -> None:
    """A data directory that was made before there were generations."""
    path = tmp_path / "farhand.db"
    first = Migrations("farhand-state")
    script = resources.files(migrations) / "state" / "0001_foundation.sql"
    migrations._add(first, "0001_foundation", script.read_text())
    with closing(open_state(path)) as connection:
        first.apply(sqlite_utils.Database(connection))
        connection.executescript(
            """
            INSERT INTO deployments VALUES ('d-1', 1);
            INSERT INTO accounts (id, name) VALUES (1, 'default');
            INSERT INTO groups VALUES (1, 1, 'dc1', 1);
            INSERT INTO workers VALUES ('w-1', 1, 1, 'web01', x'00', 't',
                '{"runbook_types": []}', 1, 4, 5, 'j', 'b', 2, '192.0.2.7', NULL);
            """
        )
    create(tmp_path)
    store = SqliteStateStore(path)
    with store.transaction() as tx:
        worker = tx.worker(WorkerId("w-1"))
        assert worker is not None
        assert (worker.confirmed_number, worker.issued_number) == (4, 5)
        assert (worker.generation, worker.instance, worker.parties) == (0, "", ())
        assert tx.generation() == Generation()
        assert tx.group(AccountId(1), "cloud") is not None
    store.close()


def test_databases_are_made_once_and_readable_by_their_owner_alone(data: Path) -> None:
    with closing(open_state(data / "farhand.db")) as connection:
        before = schema(connection)
    create(data)
    with closing(open_state(data / "farhand.db")) as connection:
        assert schema(connection) == before
    for name in ("farhand.db", "output.db"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600


def test_a_data_directory_holds_one_deployment(data: Path) -> None:
    with pytest.raises(StartError, match="holds a deployment already"):
        bootstrap(
            data,
            account="again",
            deployment_id="d-2",
            keys=[],
            token_hash="p" * 64,
            token_name="owner",
            now_ms=0,
        )

    assert SqliteQueries(data / "farhand.db", data / "output.db").deployment_id() == "d-1"


def test_state_waits_for_the_disk_and_output_does_not(data: Path) -> None:
    with (
        closing(open_state(data / "farhand.db")) as state,
        closing(open_output(data / "output.db")) as output,
    ):
        assert (pragma(state, "journal_mode"), pragma(state, "synchronous")) == ("wal", 2)
        assert (pragma(output, "journal_mode"), pragma(output, "synchronous")) == ("wal", 1)
        assert pragma(output, "page_size") == 16384
        assert pragma(state, "foreign_keys") == 1


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "farhand.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 50)

    with pytest.raises(StartError, match=r"farhand\.db is damaged"):
        open_state(path)


def test_output_of_an_older_server_is_upgraded(data: Path) -> None:
    chunk = Chunk(offset=0, lines_before=0, data=b"abc")
    with closing(SqliteOutputStore(data / "output.db")) as store:
        store.append(SPOOL, [chunk], Extent(stored=3, lines=1))
        store.sync()
    with closing(open_output(data / "output.db")) as older:
        for column in ("omitted_from", "omitted_to", "mismatch", "records"):
            older.execute(f"ALTER TABLE spools DROP COLUMN {column}")
        older.execute("ALTER TABLE chunks DROP COLUMN records_before")
        older.execute("DELETE FROM _sqlite_migrations WHERE name > '0001_foundation'")
    create(data)
    queries = SqliteQueries(data / "farhand.db", data / "output.db")

    assert queries.extent(SPOOL) == Extent(stored=3, durable=3, lines=1, records=None)
    assert queries.chunks(SPOOL, 0, 100) == [replace(chunk, records_before=None)]
    assert queries.numbered(SPOOL, 1) is None


# --- transactions ---------------------------------------------------------------------------


def test_a_transaction_without_writes_commits_nothing(data: Path) -> None:
    store = SqliteStateStore(data / "farhand.db")
    with store.transaction() as tx:
        tx.add_group(ACCOUNT, "dc1", UnixMs(1))
    wal = data / "farhand.db-wal"
    size = wal.stat().st_size
    with store.transaction() as tx:
        assert tx.group(ACCOUNT, "dc1") is not None

    assert wal.stat().st_size == size
    store.close()


def test_a_second_opener_reads_what_is_committed(data: Path) -> None:
    store = SqliteStateStore(data / "farhand.db")
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    with store.transaction() as tx:
        tx.add_job(samples.job(1))
    with store.transaction() as tx:
        tx.add_job(samples.job(2))

        assert queries.job(ACCOUNT, job_id(1)) == [samples.job(1)]
        assert queries.job(ACCOUNT, job_id(2)) == []
    store.close()


def test_a_commit_that_fails_leaves_the_outcome_open_and_the_store_usable(data: Path) -> None:
    store: StateStore = SqliteStateStore(data / "farhand.db")
    with store.transaction() as tx:
        tx.add_job(samples.job(1))
    with (
        full_disk(data / "farhand.db", data / "farhand.db-wal"),
        pytest.raises(OutcomeUnknown),
        store.transaction() as tx,
    ):
        tx.add_job(samples.job(2, parameters="x" * 1_000_000))
    with store.transaction() as tx:
        tx.add_job(samples.job(3))
    with store.transaction() as tx:
        found = [tx.job(job_id(number)) is not None for number in (1, 2, 3)]
        assert found == [True, False, True]
    store.close()


def test_output_that_could_not_be_committed_is_not_there(data: Path) -> None:
    store: OutputStore = SqliteOutputStore(data / "output.db")
    large = b"x" * 1_000_000
    with full_disk(data / "output.db", data / "output.db-wal"), pytest.raises(OutcomeUnknown):
        store.append(
            SPOOL, [Chunk(offset=0, lines_before=0, data=large)], Extent(stored=len(large))
        )
        store.commit()
    assert store.extent(SPOOL) == Extent()

    store.append(SPOOL, [Chunk(offset=0, lines_before=0, data=b"abc")], Extent(stored=3))
    store.sync()
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    assert store.extent(SPOOL) == Extent(stored=3, durable=3)
    assert [chunk.data for chunk in queries.chunks(SPOOL, 0, 100)] == [b"abc"]
    store.close()


def test_a_reader_never_calls_durable_what_was_not_synced(data: Path) -> None:
    store = SqliteOutputStore(data / "output.db")
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    store.append(SPOOL, [Chunk(offset=0, lines_before=0, data=b"abc")], Extent(stored=3))
    store.commit()
    assert queries.extent(SPOOL) == Extent(stored=3, durable=0)

    store.sync()
    assert queries.extent(SPOOL) == Extent(stored=3, durable=3)
    store.close()


def test_scripts_are_read_from_the_database_after_a_restart(data: Path) -> None:
    store = SqliteStateStore(data / "farhand.db")
    with store.transaction() as tx:
        saved = tx.save_runbook(samples.runbook(), script=samples.SCRIPT)
    store.close()
    store = SqliteStateStore(data / "farhand.db")
    with store.transaction() as tx:
        assert tx.script(saved.draft_digest) == samples.SCRIPT
    store.close()


def test_publishes_are_kept_as_history(data: Path) -> None:
    store = SqliteStateStore(data / "farhand.db")
    digest = samples.sha256(samples.SCRIPT)
    published = samples.runbook(published_digest=digest, published_version=1)
    with store.transaction() as tx:
        saved = tx.save_runbook(published, script=samples.SCRIPT)
        tx.save_runbook(saved)
    store.close()
    with closing(open_state(data / "farhand.db")) as connection:
        rows = connection.execute("SELECT version, digest FROM runbook_versions").fetchall()

    assert [tuple(row) for row in rows] == [(1, digest)]


def test_attempts_are_kept_as_history(data: Path) -> None:
    store = SqliteStateStore(data / "farhand.db")
    with store.transaction() as tx:
        tx.add_attempt(samples.attempt())
        tx.end_attempt(job_id(1), 1, ended=UnixMs(9), outcome="COMPLETED")
    store.close()
    with closing(open_state(data / "farhand.db")) as connection:
        row = connection.execute("SELECT worker_name, ended, outcome FROM attempts").fetchone()

    assert tuple(row) == ("web01", 9, "COMPLETED")


def test_bootstrap_makes_the_account_its_keys_and_the_owner(data: Path) -> None:
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    principal = queries.principal("o" * 64)

    assert principal is not None
    assert (principal.account, principal.account_name, principal.name) == (1, "default", "owner")
    assert queries.principal("p" * 64) is None
    assert list(queries.account_keys(ACCOUNT)) == [samples.key(slot) for slot in KeySlot]
