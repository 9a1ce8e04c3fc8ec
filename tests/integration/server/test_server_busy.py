"""Another program keeps locks on the databases: no commit is lost, nothing happens twice."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.edge import Edge
from tests.support.load import load
from tests.support.server_process import farhand_server

from farhand_server.app import Tuning

#: Commits that another program held up for too long, in each storm.
FAILURES = 3


@pytest.fixture
def tuning() -> Tuning:
    return Tuning(busy_ms=50)


@asynccontextmanager
async def storm(seed: int, *files: Path) -> AsyncIterator[None]:
    """Locks come and go meanwhile."""
    locker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.locker", str(seed), *map(str, files)),
        stdin=asyncio.subprocess.PIPE,
    )
    assert locker.stdin is not None
    try:
        yield
    finally:
        locker.stdin.close()
        await locker.wait()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("names", [("farhand.db",), ("output.db",), ("farhand.db", "output.db")])
async def test_a_storm_of_locks_loses_nothing_and_doubles_nothing(
    server: Edge, tmp_path: Path, names: tuple[str, ...]
) -> None:
    with capture_logs() as logs:
        async with load(server, tmp_path) as operator:
            files = [server.data / name for name in names]
            async with storm(len(names), *files), operator.going():
                while sum("starting over" in line["event"] for line in logs) < FAILURES:
                    await operator.more(2)
            await operator.settle()
    checked = await asyncio.to_thread(farhand_server, tmp_path, "check", "--data", str(server.data))

    assert checked.returncode == 0, checked.stdout
