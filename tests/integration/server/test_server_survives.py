"""A server that is killed forgets nothing that it has promised, whenever it happens."""

import asyncio
import os
import random
import shutil
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.support.load import load
from tests.support.server_process import farhand_server, reach, server_process

from farhand_server.store import sqlite

#: SERVER_KILLS=100 for a long run; SERVER_KILLS_SEED for another one.
KILLS = int(os.environ.get("SERVER_KILLS", "3"))
SEED = int(os.environ.get("SERVER_KILLS_SEED", "0"))


@pytest.mark.timeout(120 + 60 * KILLS)
async def test_what_was_accepted_outlives_kill_9_at_any_moment(tmp_path: Path, data: Path) -> None:
    chance = random.Random(SEED)
    async with AsyncExitStack() as lives:
        server = await lives.enter_async_context(server_process(tmp_path, data))
        operator = await lives.enter_async_context(load(reach(data, tmp_path), tmp_path))
        async with operator.going():
            for _ in range(KILLS):
                await operator.more(chance.randint(1, 10))
                await asyncio.sleep(chance.uniform(0, 0.05))
                await server.stop(signal.SIGKILL)
                left_sound(data, tmp_path / "copy")
                server = await lives.enter_async_context(server_process(tmp_path, data))
            await operator.more(3)
        await operator.settle()
        checked = farhand_server(tmp_path, "check", "--data", str(data))

    assert checked.returncode == 0, checked.stdout


def left_sound(data: Path, copy: Path) -> None:
    """Looked at in a copy: the next server shall find what the last one left."""
    shutil.copytree(data, copy)
    for name in ("farhand.db", "output.db"):
        assert sqlite.examine(copy / name) == []
    shutil.rmtree(copy)
