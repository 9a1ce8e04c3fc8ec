"""A host in a directory with a short name: that of a UNIX socket has 107 bytes at most."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from farhand_agent.host.host import Host
from farhand_agent.host.room import Room
from farhand_agent.host.sandbox import Sandbox


@pytest.fixture
def short_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fh-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def host(short_path: Path) -> Host:
    """One without interpreters, after a boot."""
    sandbox = Sandbox(root=short_path / "s", state=short_path)
    sandbox.make("boot")
    return Host(
        sandbox=sandbox,
        interpreters={},
        environment={},
        peers=frozenset(),
        boot_id="this boot",
        room=Room(sandbox=sandbox),
    )
