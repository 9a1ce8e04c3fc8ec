"""The operator's contexts file: ours becomes current, others stay."""

import stat
import tomllib
from pathlib import Path

import pytest

from farhand_server.data import write_new
from farhand_server.errors import StartError
from farhand_server.init import contexts_path, write_context

CA = Path("/data/ca.pem")


def write(path: Path, server: str, token: str = "fh_x") -> str:
    return write_context(path, server=server, ca=CA, token=token)


def test_the_first_context_is_called_default(tmp_path: Path) -> None:
    path = tmp_path / "farhand" / "config.toml"
    name = write(path, "localhost:8443")

    assert name == "default"
    assert tomllib.loads(path.read_text()) == {
        "current": "default",
        "contexts": {
            "default": {"server": "localhost:8443", "ca": str(CA), "token": "fh_x"},
        },
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_contexts_stay(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('current = "prod"\n[contexts.prod]\nserver = "ctl:8443"\ntoken = "fh_p"\n')
    write(path, "localhost:8443")
    known = tomllib.loads(path.read_text())

    assert known["current"] == "default"
    assert known["contexts"]["prod"] == {"server": "ctl:8443", "token": "fh_p"}


def test_a_default_of_another_server_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write(path, "ctl:8443", "fh_a")
    name = write(path, "localhost:8443", "fh_b")
    known = tomllib.loads(path.read_text())

    assert known["current"] == name == "localhost-8443"
    assert known["contexts"]["default"]["token"] == "fh_a"


def test_the_same_server_made_again_replaces_its_context(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write(path, "localhost:8443", "fh_a")

    assert write(path, "localhost:8443", "fh_b") == "default"
    assert tomllib.loads(path.read_text())["contexts"]["default"]["token"] == "fh_b"


def test_a_file_that_is_not_toml_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("not toml")

    with pytest.raises(StartError, match="is not TOML"):
        write(path, "localhost:8443")
    assert path.read_text() == "not toml"


def test_the_file_is_where_the_operators_command_looks() -> None:
    home = {"HOME": "/home/ivan"}

    assert contexts_path(home) == Path("/home/ivan/.config/farhand/config.toml")
    assert contexts_path(home | {"XDG_CONFIG_HOME": "/c"}) == Path("/c/farhand/config.toml")
    assert contexts_path(home | {"FARHAND_CONFIG": "/f.toml"}) == Path("/f.toml")


def test_a_new_file_never_replaces_an_old_one(tmp_path: Path) -> None:
    write_new(tmp_path / "key", b"old")

    with pytest.raises(FileExistsError):
        write_new(tmp_path / "key", b"new")
