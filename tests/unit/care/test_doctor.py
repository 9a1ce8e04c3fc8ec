"""`doctor` tells what is unsafe or cannot work, and what helps."""

import datetime
import os
import socket
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.server_data import NOW, initialised

from farhand_server import certificates
from farhand_server.care import surroundings
from farhand_server.care.doctor import examine
from farhand_server.care.exposure import sealing
from farhand_server.care.finding import Finding, Level
from farhand_server.certificates import Pair
from farhand_server.data import DataDirectory, Lock
from farhand_server.errors import StartError
from farhand_server.model.clock import UnixMs
from farhand_server.room import Room
from farhand_server.secrets import MasterKey
from farhand_server.store import sqlite
from farhand_server.store.sqlite.connection import open_state

FREE = {"listen": "localhost:0"}
DAY = datetime.timedelta(days=1)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return initialised(tmp_path)


def looked(
    data: DataDirectory, *, now: datetime.datetime = NOW, **flags: str
) -> dict[str, Finding]:
    """By name; everything that is not well says what helps."""
    found = {f.name: f for f in examine(data, {**FREE, **flags}, {}, now=now)}
    assert all(finding.do for finding in found.values() if finding.level is not Level.OK)
    return found


def level(data: DataDirectory, name: str, *, now: datetime.datetime = NOW, **flags: str) -> Level:
    return looked(data, now=now, **flags)[name].level


def issue(data: DataDirectory, *hosts: str, now: datetime.datetime = NOW) -> None:
    """Another certificate of the same authority."""
    authority = Pair(certificate=data.ca_certificate.read_bytes(), key=data.ca_key.read_bytes())
    made = certificates.make_server(authority, hosts, now)
    data.certificate.write_bytes(made.certificate)
    data.key.write_bytes(made.key)


def test_a_new_server_is_well(data: DataDirectory) -> None:
    found = looked(data)
    as_root = {"user"} if os.geteuid() == 0 else set()

    assert {name for name, f in found.items() if f.level is not Level.OK} == as_root


def test_without_a_server_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="holds no server"):
        list(examine(DataDirectory(tmp_path), FREE, {}, now=NOW))


# --- exposure -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".", "master.key", "server.key", "ca.key", "farhand.db"])
def test_what_others_can_read_is_named(data: DataDirectory, name: str) -> None:
    (data.path / name).chmod(0o750)
    finding = looked(data)["files"]

    assert finding.level is Level.FAIL
    assert str(data.path / name) in finding.text


def test_an_account_key_in_clear_is_found(data: DataDirectory) -> None:
    (key, _) = sqlite.account_keys(data.state)
    secret = MasterKey(data.master_key.read_bytes()).open_key(key)
    with closing(open_state(data.state)) as connection:
        connection.execute("UPDATE api_tokens SET name = ?", (f"note: {secret}",))
    finding = looked(data)["sealing"]

    assert finding.level is Level.FAIL
    assert secret not in finding.text


def test_a_secret_across_two_blocks_is_found(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farhand_server.care.exposure._STEP", 7)
    assert sealing(data).level is Level.OK
    with data.state.open("ab") as state:
        state.write(data.master_key.read_bytes())

    assert sealing(data).level is Level.FAIL


def test_another_master_key_is_found(data: DataDirectory) -> None:
    data.master_key.write_bytes(bytes(32))

    assert "another master key" in looked(data)["databases"].text


# --- certificates ---------------------------------------------------------------------------


def test_a_certificate_for_other_names_is_found(data: DataDirectory) -> None:
    assert level(data, "names", endpoint="ctl.example.net:8443") is Level.FAIL
    issue(data, "*.example.net", "192.0.2.7")
    assert level(data, "names", endpoint="ctl.example.net:8443") is Level.OK
    assert level(data, "names", endpoint="192.0.2.7:8443") is Level.OK
    assert level(data, "names", endpoint="a.ctl.example.net:8443") is Level.FAIL


def test_dates_are_looked_at(data: DataDirectory) -> None:
    assert level(data, "certificate", now=NOW - DAY) is Level.FAIL
    assert level(data, "certificate", now=NOW + 91 * DAY) is Level.FAIL
    assert level(data, "certificate", now=NOW + 80 * DAY) is Level.OK
    data.ca_key.unlink()
    assert level(data, "certificate", now=NOW + 80 * DAY) is Level.WARN
    assert level(data, "authority", now=NOW + 3600 * DAY) is Level.WARN


def test_a_key_of_another_certificate_is_found(data: DataDirectory) -> None:
    before = data.key.read_bytes()
    issue(data, "localhost")
    data.key.write_bytes(before)

    assert level(data, "certificate") is Level.FAIL


def test_a_certificate_of_another_authority_is_found(data: DataDirectory, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = initialised(tmp_path / "other")
    data.ca_certificate.write_bytes(other.ca_certificate.read_bytes())

    assert level(data, "certificate") is Level.WARN


def test_a_certificate_that_cannot_be_read_is_found(data: DataDirectory) -> None:
    data.certificate.write_bytes(b"rubbish")

    assert level(data, "certificate") is Level.FAIL


# --- surroundings ---------------------------------------------------------------------------


def test_a_taken_port_is_found(data: DataDirectory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert level(data, "port", listen=f"127.0.0.1:{port}") is Level.FAIL
    assert level(data, "port", listen="192.0.2.1:8443") is Level.FAIL


def test_a_server_that_holds_the_data_and_does_not_answer_is_found(data: DataDirectory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Lock(data.lock):
        finding = looked(data, listen=f"127.0.0.1:{port}")["port"]

    assert finding.level is Level.FAIL
    assert f"process {os.getpid()} holds the data" in finding.text


def test_bad_settings_are_named(data: DataDirectory) -> None:
    data.settings.write_text('colour = "red"')

    assert "unknown keys: colour" in looked(data)["settings"].text


@pytest.mark.parametrize(
    ("free", "expected"), [(400, Level.FAIL), (800, Level.WARN), (2000, Level.OK)]
)
def test_little_room_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, expected: Level
) -> None:
    seen = Room(free=free * 1024**2, total=1024**4)
    monkeypatch.setattr(surroundings, "room", lambda path: seen)

    assert surroundings.disk(tmp_path).level is expected


def test_a_clock_that_went_back_is_found() -> None:
    written = UnixMs(int((NOW + DAY).timestamp() * 1000))

    assert surroundings.clock(written, NOW).level is Level.FAIL
    assert surroundings.clock(written, NOW + DAY).level is Level.OK


def test_an_old_schema_is_a_warning(data: DataDirectory) -> None:
    last = sqlite.chain(data.state, "state").known[-1]
    with closing(open_state(data.state)) as connection:
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = ?", (last,))

    assert level(data, "databases") is Level.WARN


def test_a_database_that_is_gone_is_found(data: DataDirectory) -> None:
    data.output.unlink()

    assert level(data, "databases") is Level.FAIL
