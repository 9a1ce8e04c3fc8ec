"""The tour of the README, typed line by line."""

import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: A person types slower than the server starts.
READY = "until farhand group list >/dev/null 2>&1; do sleep 0.1; done"


def tour(port: int) -> str:
    """The block as a script: another port, no `make setup`, and the patience of a person."""
    section = (ROOT / "README.md").read_text().split("## Five minutes by hand")[1]
    found = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert found
    lines = [f'export PATH="{ROOT}/.venv/bin:$PATH"', "set -e"]
    for line in found[1].splitlines():
        if not line.startswith("make setup"):
            lines.append(line.replace("8443", str(port)))
        if line.startswith("farhand-server run"):
            lines.append(READY)
    return "\n".join(lines)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def passable() -> Iterator[Path]:
    """Where a tour may make its directory: pytest's own let nobody pass."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_the_tour_of_the_readme_works(tmp_path: Path, passable: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FARHAND_")}
    environment |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    environment |= {"TMPDIR": str(passable)}

    with (tmp_path / "tour.log").open("w+b") as log:
        walk = subprocess.Popen(
            ["bash", "-c", tour(free_port())],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = walk.wait(timeout=90)
        finally:
            os.killpg(walk.pid, signal.SIGTERM)
        seen = (tmp_path / "tour.log").read_text()

    assert code == 0, seen
    assert re.findall(r"^[123]$", seen, flags=re.MULTILINE) == ["1", "2", "3"], seen
    assert "--ca-sha256" in seen
    assert "28 characters: ***" in seen, seen
    assert ("I am nobody" in seen) is (os.geteuid() == 0), seen
