"""A backup is the whole server or nothing; a restore makes the same server or nothing."""

import io
import itertools
import json
import stat
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.support import samples
from tests.support.samples import job_id
from tests.support.server_data import NOW, store

from farhand_server.care import manifest
from farhand_server.care.backup import back_up
from farhand_server.care.check import check
from farhand_server.care.finding import failed
from farhand_server.care.restore import restore
from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.model.clock import UnixMs
from farhand_server.model.job import End, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.store import sqlite
from farhand_server.store.sqlite import SqliteOutputStore, SqliteStateStore
from farhand_server.store.sqlite.connection import open_reader, open_state

LATER = UnixMs(1_800_000_000_000)


@pytest.fixture
def file(data: DataDirectory, tmp_path: Path) -> Path:
    back_up(data, tmp_path / "backup.tar", now=NOW)
    return tmp_path / "backup.tar"


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for the deployment's own."""
    with closing(open_reader(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {
            name: [tuple(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for (name,) in tables.fetchall()
            if name != "deployments"
        }


def rebuilt(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other members, in the same order."""
    with tarfile.open(file) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(file, "w") as tar:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return file


# --- taken ----------------------------------------------------------------------------------


def test_what_was_backed_up_is_restored(data: DataDirectory, file: Path, tmp_path: Path) -> None:
    restored = DataDirectory(tmp_path / "restored")
    restore(file, restored.path, now=LATER)

    for before, after in ((data.state, restored.state), (data.output, restored.output)):
        assert content(before) == content(after)
    for one, other in zip(data.secrets_and_settings, restored.secrets_and_settings, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert not failed(check(restored))


def test_a_restore_begins_another_generation(data: DataDirectory, tmp_path: Path) -> None:
    for number in range(1, 3):
        back_up(data, tmp_path / "backup.tar", now=NOW)
        data = DataDirectory(tmp_path / f"restored-{number}")
        restore(tmp_path / "backup.tar", data.path, now=LATER)

        with closing(open_reader(data.state)) as connection:
            row = connection.execute("SELECT generation, restored FROM deployments").fetchone()
        assert tuple(row) == (number, LATER)


def test_everything_restored_is_its_owners_alone(file: Path, tmp_path: Path) -> None:
    restore(file, tmp_path / "restored", now=LATER)
    restored = tmp_path / "restored"

    assert stat.S_IMODE(restored.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in restored.iterdir()} == {0o600}


def test_the_manifest_tells_what_is_in_it(data: DataDirectory, file: Path) -> None:
    with tarfile.open(file) as tar:
        names = tar.getnames()
        told = json.loads(tar.extractfile(manifest.NAME).read())  # type: ignore[union-attr]

    assert names[-1] == manifest.NAME
    assert set(names[:-1]) == set(told["files"])
    assert told["deployment"] == sqlite.deployment_id(data.state)
    assert told["schema"]["farhand.db"] == sqlite.chain(data.state, "state").known[-1]


def test_a_newer_backup_takes_the_place_of_an_older_one(data: DataDirectory, file: Path) -> None:
    before = file.read_bytes()
    state = SqliteStateStore(data.state)
    with state.transaction() as tx:
        tx.add_job(samples.job(99))
    state.close()
    back_up(data, file, now=NOW)

    assert file.read_bytes() != before
    assert [entry.name for entry in file.parent.iterdir() if entry.name.startswith(".")] == []


def test_a_backup_that_fails_leaves_the_one_before(data: DataDirectory, file: Path) -> None:
    before = file.read_bytes()
    with data.output.open("r+b") as output:
        output.seek(100)
        output.write(b"\xa5" * 16384)

    with pytest.raises(StartError, match="is damaged"):
        back_up(data, file, now=NOW)
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir() if entry.name.startswith(".")] == []


def test_a_backup_where_nothing_can_be_written_says_so(data: DataDirectory, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be written"):
        back_up(data, tmp_path / "none" / "backup.tar", now=NOW)


# --- while others write ---------------------------------------------------------------------


def test_writers_go_on_while_a_copy_is_made_and_it_is_of_one_moment(
    data: DataDirectory, tmp_path: Path
) -> None:
    with closing(open_state(data.state)) as connection:
        connection.execute("CREATE TABLE left_ (n INTEGER)")
        connection.execute("CREATE TABLE right_ (n INTEGER, ballast BLOB)")
        connection.execute("INSERT INTO right_ VALUES (0, zeroblob(30000000))")
        connection.execute("INSERT INTO left_ VALUES (0)")
    copying = threading.Thread(target=sqlite.copy, args=(data.state, tmp_path / "copy"))
    commits = 0
    # It would fail at once, instead of waiting for whoever holds it up.
    with closing(open_state(data.state, busy_ms=0)) as writer:
        copying.start()
        while copying.is_alive():
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO left_ VALUES (1)")
            writer.execute("INSERT INTO right_ VALUES (1, zeroblob(5000))")
            writer.execute("COMMIT")
            commits += 1
    with closing(open_reader(tmp_path / "copy")) as copy:
        counts = copy.execute(
            "SELECT (SELECT count(*) FROM left_), (SELECT count(*) FROM right_)"
        ).fetchone()

    assert commits
    assert counts[0] == counts[1] <= commits + 1
    assert sqlite.examine(tmp_path / "copy") == []


def test_every_job_that_is_over_in_a_backup_has_its_output(
    data: DataDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job becomes final after its output is durable, so the state has to be copied first."""
    numbers = itertools.count(1000)

    def copy(source: Path, target: Path) -> None:
        end_a_job(data, next(numbers))
        real(source, target)
        end_a_job(data, next(numbers))

    real = sqlite.copy
    monkeypatch.setattr(sqlite, "copy", copy)
    back_up(data, tmp_path / "backup.tar", now=NOW)
    restored = DataDirectory(tmp_path / "restored")
    restore(tmp_path / "backup.tar", restored.path, now=LATER)

    assert not failed(check(restored))
    assert next(numbers) == 1004


def end_a_job(data: DataDirectory, number: int) -> None:
    with closing(SqliteOutputStore(data.output)) as output:
        store(output, SpoolId(job=job_id(number), attempt=1), lines=8)
        output.sync()
    with closing(SqliteStateStore(data.state)) as state, state.transaction() as tx:
        tx.add_job(
            samples.job(
                number,
                status=JobStatus.COMPLETED,
                attempt=1,
                ended=UnixMs(time.time_ns() // 1_000_000),
                end=End(code=0),
            )
        )


# --- refused --------------------------------------------------------------------------------


def refused(file: Path, tmp_path: Path, words: str) -> None:
    restored = tmp_path / "restored"
    with pytest.raises(StartError, match=words) as refusal:
        restore(file, restored, now=LATER)

    assert refusal.value.do
    assert not restored.exists() or list(restored.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_backup_that_was_cut_short_is_refused(file: Path, tmp_path: Path, share: float) -> None:
    with tarfile.open(file) as tar:
        last = tar.getmember(manifest.NAME)
    end = last.offset_data + last.size
    file.write_bytes(file.read_bytes()[: int(end * share)])

    refused(file, tmp_path, "not a whole backup")


@pytest.mark.parametrize("name", ["farhand.db", "output.db", "master.key", "server.pem"])
def test_a_bit_that_flipped_is_found(file: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(file) as tar:
        at = tar.getmember(name).offset_data + 7
    data = bytearray(file.read_bytes())
    data[at] ^= 4
    file.write_bytes(data)

    refused(file, tmp_path, f"{name} is not what was packed")


def test_a_file_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"something else" * 1000)

    refused(file, tmp_path, "not a whole backup")
    refused(tmp_path / "none", tmp_path, "cannot be read")


def test_names_of_members_never_become_paths(file: Path, tmp_path: Path) -> None:
    def add(members: dict[str, bytes]) -> None:
        told = json.loads(members.pop(manifest.NAME))
        told["files"]["../evil"] = told["files"]["server.toml"]
        members["../evil"] = members["server.toml"]
        members[manifest.NAME] = json.dumps(told).encode()

    refused(rebuilt(file, add), tmp_path, "is no file of a server")
    assert not (tmp_path / "evil").exists()


def test_a_member_that_the_manifest_does_not_name_is_refused(file: Path, tmp_path: Path) -> None:
    refused(
        rebuilt(file, lambda members: members.update(more=b"")),
        tmp_path,
        "not those of its manifest",
    )


def test_a_backup_without_the_master_key_is_refused(file: Path, tmp_path: Path) -> None:
    def strip(members: dict[str, bytes]) -> None:
        told = json.loads(members[manifest.NAME])
        del told["files"]["master.key"], members["master.key"]
        members[manifest.NAME] = json.dumps(told).encode()

    refused(rebuilt(file, strip), tmp_path, "lacks master.key")


def test_a_backup_of_a_newer_format_is_refused(file: Path, tmp_path: Path) -> None:
    def age(members: dict[str, bytes]) -> None:
        told = json.loads(members[manifest.NAME])
        members[manifest.NAME] = json.dumps({**told, "format": 2, "news": 1}).encode()

    refused(rebuilt(file, age), tmp_path, "newer farhand-server")


def test_a_restore_never_touches_a_directory_with_something_in_it(
    data: DataDirectory, file: Path, tmp_path: Path
) -> None:
    before = data.master_key.read_bytes()
    with pytest.raises(StartError, match="holds a server already"):
        restore(file, data.path, now=LATER)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing").touch()
    with pytest.raises(StartError, match="is not empty"):
        restore(file, tmp_path / "other", now=LATER)

    assert data.master_key.read_bytes() == before
    assert [entry.name for entry in (tmp_path / "other").iterdir()] == ["thing"]


def test_a_restore_into_an_empty_directory_is_fine(file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    restore(file, tmp_path / "empty", now=LATER)

    DataDirectory(tmp_path / "empty").check()
