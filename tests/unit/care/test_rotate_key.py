"""Another master key: everything that is sealed opens with it, whatever cuts the change off."""

import json
import os
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import samples
from tests.support.samples import ACCOUNT, job_id
from tests.support.server_data import NOW

from farhand_server import master_key
from farhand_server.care.backup import back_up
from farhand_server.care.doctor import examine
from farhand_server.care.finding import Level
from farhand_server.care.restore import restore
from farhand_server.core import parameters
from farhand_server.data import DataDirectory, Lock
from farhand_server.errors import StartError
from farhand_server.master_key import current, prove, rotate, settle
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import GroupId
from farhand_server.secrets import MasterKey
from farhand_server.store import sqlite
from farhand_server.store.sqlite import SqliteStateStore
from farhand_server.store.sqlite.connection import open_state
from farhand_server.vault import Vault, key_id

PASSWORD = "canary-9d20"


class Crash(BaseException):
    """The process died here."""


def vault(data: DataDirectory) -> Vault:
    return Vault(data.master_key.read_bytes(), chance=os.urandom)


def opens(data: DataDirectory) -> bool:
    """Whether everything that is sealed opens with master.key."""
    key = MasterKey(data.master_key.read_bytes())
    prove(vault(data), key, data.state)
    opened = [
        json.loads(vault(data).open(box.sealed, box.place)) for box in sqlite.boxes(data.state, 9)
    ]
    return opened == [{"password": PASSWORD}, {"token": PASSWORD}]


def boxes(data: DataDirectory) -> list[bytes]:
    keys = [key.sealed for key in sqlite.account_keys(data.state)]
    return [*keys, *(box.sealed for box in sqlite.boxes(data.state, 9))]


@pytest.fixture
def sealed(data: DataDirectory) -> DataDirectory:
    """A server that keeps a credential, and a job with a secret parameter."""
    asset = Asset(
        account=ACCOUNT,
        kind=AssetKind.CREDENTIAL,
        name="deploy",
        values={"user_name": "u"},
        secrets=("password",),
        created=UnixMs(1),
        modified=UnixMs(1),
    )
    text = json.dumps({"password": PASSWORD})
    job = samples.job(
        901,
        group=GroupId(1),
        parameters='{"token": "***"}',
        sealed=vault(data).seal(json.dumps({"token": PASSWORD}), parameters.place(job_id(901))),
    )
    with closing(SqliteStateStore(data.state)) as store, store.transaction() as tx:
        tx.save_asset(replace(asset, sealed=vault(data).seal(text, asset.place)))
        tx.add_job(job)
    assert opens(data)
    return data


# --- the change -----------------------------------------------------------------------------


def test_everything_opens_with_the_new_key_and_nothing_with_the_old_one(
    sealed: DataDirectory,
) -> None:
    old, before = vault(sealed), boxes(sealed)
    old_key = sealed.master_key.read_bytes()
    box = MasterKey(sealed.master_key.read_bytes())
    keys = [box.open_key(key) for key in sqlite.account_keys(sealed.state)]
    done = rotate(sealed, chance=os.urandom)

    assert opens(sealed)
    new_key = sealed.master_key.read_bytes()
    assert (done.before, done.after) == (key_id(old_key).hex(), key_id(new_key).hex())
    assert done.boxes == 2
    box = MasterKey(sealed.master_key.read_bytes())
    assert [box.open_key(key) for key in sqlite.account_keys(sealed.state)] == keys
    for each in sqlite.boxes(sealed.state, 9):
        with pytest.raises(StartError, match=done.after):
            old.open(each.sealed, each.place)
    left = b"".join(path.read_bytes() for path in sealed.path.glob("farhand.db*"))
    assert not any(sealed_before in left for sealed_before in before)
    assert not sealed.new_master_key.exists()
    assert sealed.master_key.stat().st_mode & 0o777 == 0o600


def test_what_is_in_a_box_is_not_sealed_anew(sealed: DataDirectory) -> None:
    """Only data keys are: a change does not take longer where secrets are large."""
    tails = [box.sealed[-28 - len(PASSWORD) :] for box in sqlite.boxes(sealed.state, 9)]
    rotate(sealed, chance=os.urandom)

    assert tails == [box.sealed[-28 - len(PASSWORD) :] for box in sqlite.boxes(sealed.state, 9)]


def test_a_server_that_runs_is_not_disturbed(sealed: DataDirectory) -> None:
    key = sealed.master_key.read_bytes()
    with Lock(sealed.lock), pytest.raises(StartError, match="another server"):
        rotate(sealed, chance=os.urandom)

    assert sealed.master_key.read_bytes() == key
    assert opens(sealed)


def test_a_box_that_is_damaged_keeps_everything_as_it_was(sealed: DataDirectory) -> None:
    key = sealed.master_key.read_bytes()
    with closing(open_state(sealed.state)) as connection:
        connection.execute("UPDATE jobs SET sealed = substr(sealed, 1, 90)")
    before = boxes(sealed)

    with pytest.raises(StartError, match="damaged"):
        rotate(sealed, chance=os.urandom)
    assert (sealed.master_key.read_bytes(), boxes(sealed)) == (key, before)
    assert not sealed.new_master_key.exists()


# --- cut off --------------------------------------------------------------------------------


def cut_off(data: DataDirectory, monkeypatch: pytest.MonkeyPatch, *, before_commit: bool) -> None:
    """A change that died: with its new key beside the old one."""

    def die(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch, pytest.raises(Crash):
        if before_commit:
            patch.setattr(Vault, "rewrap", die)
        patch.setattr(master_key, "settle", _once(die))
        rotate(data, chance=os.urandom)
    assert data.new_master_key.exists()


def _once(die: object) -> object:
    """The first look finds nothing to end; the second one is not lived to see."""
    looks = iter([lambda _: None, die])
    return lambda data: next(looks)(data)  # type: ignore[operator]


@pytest.mark.parametrize("before_commit", [True, False], ids=["before", "after"])
def test_a_change_that_was_cut_off_is_ended_at_the_next_start(
    sealed: DataDirectory, monkeypatch: pytest.MonkeyPatch, before_commit: bool
) -> None:
    old = sealed.master_key.read_bytes()
    cut_off(sealed, monkeypatch, before_commit=before_commit)
    fresh = sealed.new_master_key.read_bytes()
    assert current(sealed) == (sealed.master_key if before_commit else sealed.new_master_key)

    settle(sealed)
    assert sealed.master_key.read_bytes() == (old if before_commit else fresh)
    assert not sealed.new_master_key.exists()
    assert opens(sealed)


@pytest.mark.parametrize("length", [0, 5, 31])
def test_a_new_key_that_was_not_written_to_its_end_is_nothing(
    sealed: DataDirectory, length: int
) -> None:
    sealed.new_master_key.write_bytes(b"x" * length)
    settle(sealed)

    assert not sealed.new_master_key.exists()
    assert opens(sealed)


def test_another_change_begins_anew_after_one_that_was_cut_off(
    sealed: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for before_commit in (True, False):
        cut_off(sealed, monkeypatch, before_commit=before_commit)
        rotate(sealed, chance=os.urandom)
        assert opens(sealed)


def test_a_backup_between_holds_the_key_that_opens_it(
    sealed: DataDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cut_off(sealed, monkeypatch, before_commit=False)
    back_up(sealed, tmp_path / "backup", now=NOW)
    restore(tmp_path / "backup", tmp_path / "restored", now=UnixMs(1))

    assert opens(DataDirectory(tmp_path / "restored"))
    findings = {each.name: each for each in examine(sealed, {"listen": "localhost:0"}, {}, now=NOW)}
    assert findings["sealing"].level is Level.OK


def test_where_neither_key_opens_both_are_named(sealed: DataDirectory) -> None:
    one, other = (random.Random(seed).randbytes(32) for seed in (1, 2))
    sealed.master_key.write_bytes(one)
    sealed.new_master_key.write_bytes(other)

    with pytest.raises(StartError) as refused:
        settle(sealed)
    assert key_id(one).hex() in refused.value.why
    assert key_id(other).hex() in refused.value.why
    assert sealed.new_master_key.read_bytes() == other


# --- the proof at a start -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ('UPDATE assets SET content = \'{"password": "x"}\'', "credential deploy"),
        ("UPDATE assets SET sealed = NULL", "credential deploy"),
        ("UPDATE assets SET secrets = '[]'", "credential deploy"),
        (
            "INSERT INTO assets VALUES (1, 'variable', 'v', '', 1, '{\"value\": 7}', NULL, '[]', "
            "1, 1, 1)",
            "variable v",
        ),
        (f"UPDATE jobs SET parameters = '{{\"token\": \"x\"}}' WHERE id = '{job_id(901)}'", "job "),
    ],
)
def test_a_secret_in_clear_is_found_before_anything_is_served(
    sealed: DataDirectory, change: str, name: str
) -> None:
    with closing(open_state(sealed.state)) as connection:
        connection.execute(change)

    with pytest.raises(StartError, match="secrets stand in clear") as refused:
        opens(sealed)
    assert name in refused.value.what


def test_a_box_that_does_not_open_is_found_before_anything_is_served(
    sealed: DataDirectory,
) -> None:
    with closing(open_state(sealed.state)) as connection:
        connection.execute("UPDATE assets SET name = 'moved'")

    with pytest.raises(StartError, match="damaged, or was moved there"):
        opens(sealed)


def test_account_keys_of_another_master_key_are_found(data: DataDirectory) -> None:
    other = MasterKey(bytes(32))

    with pytest.raises(StartError, match="another master key"):
        prove(vault(data), other, data.state)
