"""Development certificates: made on demand, never in git, never over others."""

import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farhand_server.certificates import Pair
from farhand_server.data import DataDirectory

ROOT = Path(__file__).parents[3]


@pytest.fixture
def make() -> Callable[[Path], DataDirectory]:
    script: dict[str, Any] = runpy.run_path(str(ROOT / "certs" / "make.py"))
    made: Callable[[Path], DataDirectory] = script["make"]
    return made


def test_they_are_for_names_that_no_server_has(
    tmp_path: Path, make: Callable[[Path], DataDirectory]
) -> None:
    made = make(tmp_path / "dev")
    pair = Pair(certificate=made.certificate.read_bytes(), key=made.key.read_bytes())

    assert pair.matches()
    assert pair.hosts[:2] == ["dev.farhand.invalid", "localhost"]


def test_they_are_never_written_over_others(
    tmp_path: Path, make: Callable[[Path], DataDirectory]
) -> None:
    made = make(tmp_path)
    before = made.key.read_bytes()

    with pytest.raises(FileExistsError):
        make(tmp_path)
    assert made.key.read_bytes() == before


def test_no_key_is_in_git() -> None:
    kept = subprocess.run(
        ["git", "ls-files", "*.pem", "*.key", "*.crt", "*.p12"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert kept.stdout == ""
