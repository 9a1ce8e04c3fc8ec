"""Options: flag over environment over file over default; each has all three."""

from pathlib import Path

import pytest

from farhand_server.errors import StartError
from farhand_server.settings import (
    LISTEN,
    OPTIONS,
    Option,
    Settings,
    data_path,
    resolve,
    size,
    split,
)
from farhand_wire import limits


def write(data: Path, text: str) -> None:
    (data / "server.toml").write_text(text)


def test_a_flag_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    environ = {"FARHAND_SERVER_LISTEN": "b:2"}
    plain = resolve({}, {}, data=tmp_path)
    write(tmp_path, 'listen = "c:3"')

    assert plain.listen == LISTEN.default
    assert resolve({}, {}, data=tmp_path).listen == "c:3"
    assert resolve({}, environ, data=tmp_path).listen == "b:2"
    assert resolve({"listen": "a:1"}, environ, data=tmp_path).listen == "a:1"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_a_setting(option: Option) -> None:
    assert option.name in Settings.__dataclass_fields__


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('colour = "red"', "unknown keys: colour"),
        ("listen = ", "cannot be read"),
        ('log_format = "xml"', '"xml" is not one of json, console'),
        ('listen = "8443"', "is not host:port"),
        ('listen = "x:99999"', "is not host:port"),
        ('no_cloud = "perhaps"', '"perhaps" is neither yes nor no'),
        ('output_max = "much"', '"much" is not a size, for example 512MiB'),
        ("output_max = -5", '"-5" is not a size'),
        ('output_max = "1023KiB"', "output_max in .*: 1023KiB is too little; it may be 1MiB"),
    ],
)
def test_a_bad_file_is_named_with_its_mistake(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, text)

    with pytest.raises(StartError, match=words):
        resolve({}, {}, data=tmp_path)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("1048576", 1 << 20),
        ("64KiB", 64 << 10),
        ("1 GiB", 1 << 30),
        ("2TiB", 2 << 40),
        ("1GB", None),
        ("1.5GiB", None),
        ("", None),
        ("9" * 16, None),
    ],
)
def test_sizes_have_binary_units(text: str, bytes_: int | None) -> None:
    assert size(text) == bytes_


def test_how_much_output_is_kept_is_a_number_of_bytes(tmp_path: Path) -> None:
    environ = {"FARHAND_SERVER_OUTPUT_MAX": "2GiB"}
    plain = resolve({}, {}, data=tmp_path)
    write(tmp_path, "output_max = 3000000")

    assert plain.output_max == limits.OUTPUT_MAX_BYTES
    assert resolve({}, {}, data=tmp_path).output_max == 3_000_000
    assert resolve({}, environ, data=tmp_path).output_max == 2 << 30
    assert resolve({"output_max": "1MiB"}, environ, data=tmp_path).output_max == 1 << 20


@pytest.mark.parametrize(
    ("address", "parts"),
    [("0.0.0.0:8443", ("0.0.0.0", 8443)), ("[::1]:1", ("::1", 1)), ("ctl:0", ("ctl", 0))],
)
def test_addresses_are_split(address: str, parts: tuple[str, int]) -> None:
    assert split(address) == parts


def test_root_keeps_its_data_with_the_system_and_others_at_home() -> None:
    home = {"HOME": "/home/ivan"}

    assert data_path(None, home, root=True) == Path("/var/lib/farhand-server")
    assert data_path(None, home, root=False) == Path("/home/ivan/.local/share/farhand-server")
    assert data_path(None, {"XDG_DATA_HOME": "/d"}, root=False) == Path("/d/farhand-server")
    assert data_path(None, {"FARHAND_SERVER_DATA": "/e"}, root=True) == Path("/e")
    assert data_path("/f", {"FARHAND_SERVER_DATA": "/e"}, root=True) == Path("/f")


def test_a_switch_is_a_flag_a_variable_or_a_key(tmp_path: Path) -> None:
    variable = {"FARHAND_SERVER_NO_CLOUD": "1"}

    assert not resolve({}, {}, data=tmp_path).no_cloud
    assert resolve({"no_cloud": "yes"}, {}, data=tmp_path).no_cloud
    assert resolve({}, variable, data=tmp_path).no_cloud
    write(tmp_path, "no_cloud = true")
    assert resolve({}, {}, data=tmp_path).no_cloud
    assert not resolve({}, {"FARHAND_SERVER_NO_CLOUD": "no"}, data=tmp_path).no_cloud
