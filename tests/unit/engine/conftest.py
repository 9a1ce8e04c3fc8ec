"""The real engine on its threads, over stores in memory."""

from collections.abc import AsyncIterator

import pytest
from tests.support.engine_bench import EngineBench


@pytest.fixture
async def bench() -> AsyncIterator[EngineBench]:
    bench = EngineBench()
    bench.start()
    yield bench
    await bench.stop()
