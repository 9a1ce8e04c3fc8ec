"""The command against a control plane on loopback, in a home of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.authority import Authority, authority
from tests.support.control_plane import HOST, ControlPlane
from tests.support.plane.ledger import TOKEN

from farhand_cli.app import farhand

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def certificates() -> Authority:
    return authority("localhost", HOST)


@pytest.fixture
def plane(certificates: Authority) -> Iterator[ControlPlane]:
    with ControlPlane(certificates=certificates) as plane:
        yield plane


@pytest.fixture
def ca_file(certificates: Authority, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca)
    return path


@pytest.fixture
def environment(plane: ControlPlane, ca_file: Path, tmp_path: Path) -> dict[str, str]:
    return {
        "FARHAND_SERVER": plane.endpoint,
        "FARHAND_CA": str(ca_file),
        "FARHAND_TOKEN": TOKEN,
        "FARHAND_CONFIG": str(tmp_path / "config.toml"),
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs the command in this process; `env` adds to the environment or takes from it."""

    def run(
        *words: str, stdin: str | None = None, env: dict[str, str | None] | None = None
    ) -> Result:
        return CliRunner().invoke(
            farhand, list(words), input=stdin, env={**environment, **(env or {})}
        )

    return run
