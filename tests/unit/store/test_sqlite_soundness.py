"""A database that is not what was written: refused with what to do, or served and sound."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.server_data import with_a_past

from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.store import sqlite
from farhand_server.store.sqlite import migrations
from farhand_server.store.sqlite.connection import open_state

many = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HEADER = 100
#: A place in a file, as a share of it.
places = st.floats(min_value=0, max_value=1, exclude_max=True)
bits = st.integers(min_value=0, max_value=7)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return with_a_past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def data(past: DataDirectory, tmp_path: Path) -> DataDirectory:
    return copied(past, tmp_path)


def copied(past: DataDirectory, root: Path) -> DataDirectory:
    shutil.rmtree(root / "data", ignore_errors=True)
    shutil.copytree(past.path, root / "data")
    return DataDirectory(root / "data")


def flip(path: Path, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def truncate(path: Path, place: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * place)])


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            return False


def refused_or_sound(data: DataDirectory) -> None:
    """Any other exception fails the test."""
    try:
        sqlite.upgrade(data.path)
    except StartError as error:
        assert str(data.state) in error.what
        assert error.why
        assert error.do
    else:
        assert sound(data.state)


# --- the state ------------------------------------------------------------------------------


@given(place=places)
@many
def test_a_state_cut_short_is_refused(past: DataDirectory, tmp_path: Path, place: float) -> None:
    data = copied(past, tmp_path)
    truncate(data.state, place)

    with pytest.raises(StartError, match="is damaged") as refusal:
        sqlite.upgrade(data.path)
    assert "restore" in refusal.value.do


@given(at=st.integers(min_value=0, max_value=HEADER - 1), bit=bits)
@many
def test_a_bit_that_flips_in_the_header_is_refused_or_harmless(
    past: DataDirectory, tmp_path: Path, at: int, bit: int
) -> None:
    data = copied(past, tmp_path)
    flip(data.state, at, bit)

    refused_or_sound(data)


@given(place=places, bit=bits)
@many
def test_a_bit_that_flips_anywhere_is_refused_or_harmless(
    past: DataDirectory, tmp_path: Path, place: float, bit: int
) -> None:
    data = copied(past, tmp_path)
    flip(data.state, int(data.state.stat().st_size * place), bit)

    refused_or_sound(data)


@pytest.mark.parametrize("page", range(4))
def test_a_page_of_rubbish_is_refused(data: DataDirectory, page: int) -> None:
    size = 4096
    content = bytearray(data.state.read_bytes())
    content[page * size : (page + 1) * size] = random.Random(page).randbytes(size)
    data.state.write_bytes(content)

    with pytest.raises(StartError, match="is damaged"):
        sqlite.upgrade(data.path)


def test_a_state_that_is_not_there_is_not_made_anew(data: DataDirectory) -> None:
    data.state.unlink()

    with pytest.raises(StartError, match="no such file"):
        sqlite.upgrade(data.path)
    assert not data.state.exists()


def test_a_state_without_a_deployment_is_refused(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute("DELETE FROM deployments")

    with pytest.raises(StartError, match="no deployment is in it"):
        sqlite.upgrade(data.path)


def test_a_file_of_something_else_is_refused(data: DataDirectory) -> None:
    data.state.unlink()
    with closing(sqlite3.connect(data.state)) as other:
        other.execute("CREATE TABLE songs (title TEXT)")

    with pytest.raises(StartError, match="its tables are not those"):
        sqlite.upgrade(data.path)


def test_a_table_that_lost_a_column_is_refused(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute("ALTER TABLE jobs RENAME COLUMN details TO detail")

    with pytest.raises(StartError, match="its tables are not those"):
        sqlite.upgrade(data.path)


def test_a_newer_schema_is_refused_with_what_to_do(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('farhand-state', '9999_future', '2030-01-01')"
        )

    with pytest.raises(StartError, match="made by a newer farhand-server") as refusal:
        sqlite.upgrade(data.path)
    assert "9999_future" in refusal.value.why
    assert "start that version again" in refusal.value.do


def test_a_row_that_no_rule_can_read_is_refused_and_named(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute("UPDATE workers SET facts = '{' WHERE name = 'web01'")

    with pytest.raises(StartError, match=r"worker '00000001.* cannot be read"):
        sqlite.upgrade(data.path)


def test_a_text_that_is_none_is_found_and_not_shown(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute(
            "UPDATE jobs SET parameters = CAST(X'7365637265740aff' AS TEXT) WHERE status = 0"
        )
    found = sqlite.unreadable(data.state, history=False)

    assert len(found) == 3
    assert "secret" not in str(found)


def test_history_is_read_by_a_check_and_not_at_every_start(data: DataDirectory) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute("UPDATE jobs SET arguments = 'x' WHERE status = 3")

    assert sqlite.unreadable(data.state, history=False) == []
    assert len(sqlite.unreadable(data.state, history=True)) == 3
    sqlite.upgrade(data.path)


def test_a_locked_state_is_not_called_damaged(data: DataDirectory) -> None:
    with closing(sqlite3.connect(data.state)) as other, pytest.raises(StartError) as refusal:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        open_state(data.state, busy_ms=1)

    assert "is locked" in refusal.value.what


# --- the output -----------------------------------------------------------------------------


@given(place=places, bit=bits)
@many
def test_output_with_a_flipped_bit_is_refused_or_served_and_said_to_be_damaged(
    past: DataDirectory, tmp_path: Path, place: float, bit: int
) -> None:
    data = copied(past, tmp_path)
    flip(data.output, int(data.output.stat().st_size * place), bit)
    try:
        upgraded = sqlite.upgrade(data.path)
    except StartError as error:
        assert str(data.output) in error.what
        assert "without the output of earlier jobs" in error.do or "look at" in error.do
    else:
        assert sound(data.output) or upgraded.output_damage


@given(place=places)
@many
def test_output_cut_short_is_refused_or_served_and_said_to_be_damaged(
    past: DataDirectory, tmp_path: Path, place: float
) -> None:
    data = copied(past, tmp_path)
    truncate(data.output, place)
    try:
        upgraded = sqlite.upgrade(data.path)
    except StartError as error:
        assert str(data.output) in error.what
    else:
        assert upgraded.output_damage or upgraded.output_is_new


def test_output_whose_old_pages_are_damaged_does_not_stop_the_start(data: DataDirectory) -> None:
    content = bytearray(data.output.read_bytes())
    for at in range(len(content) - 16384, len(content)):
        content[at] = 0xA5
    data.output.write_bytes(content)
    upgraded = sqlite.upgrade(data.path)

    assert upgraded.output_damage
    assert sound(data.state)


def test_output_that_was_moved_away_is_made_anew_and_said_to_be(data: DataDirectory) -> None:
    for file in data.path.glob("output.db*"):
        file.unlink()
    upgraded = sqlite.upgrade(data.path)

    assert upgraded.output_is_new
    assert sound(data.output)


# --- the way up -----------------------------------------------------------------------------


def test_an_upgrade_says_from_what_to_what(past: DataDirectory) -> None:
    upgraded = sqlite.upgrade(past.path)

    for name, what in (("farhand.db", "state"), ("output.db", "output")):
        last = sqlite.chain(past.path / name, what).known[-1]
        assert upgraded.steps[name] == (last, last)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A state as the first release left it."""
    folder = resources.files(migrations)
    for what, name in (("state", "farhand.db"), ("output", "output.db")):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.executescript((folder / what / "0001_foundation.sql").read_text())
            connection.execute(
                "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, "
                "name TEXT, applied_at TEXT)"
            )
            connection.execute(
                "INSERT INTO _sqlite_migrations VALUES (1, ?, '0001_foundation', '2026-01-01')",
                (f"farhand-{what}",),
            )
            if what == "state":
                connection.execute("INSERT INTO deployments VALUES ('d-1', 1)")
            connection.commit()
    yield tmp_path


def test_a_database_of_the_first_release_is_brought_up_to_date(old: Path) -> None:
    upgraded = sqlite.upgrade(old)

    assert upgraded.steps["farhand.db"][0] == "0001_foundation"
    assert not sqlite.chain(old / "farhand.db", "state").pending
    assert sqlite.deployment_id(old / "farhand.db") == "d-1"
