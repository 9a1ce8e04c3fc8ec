"""Many short jobs: how many a second."""

import asyncio
import time
from pathlib import Path

from tests.bench import floor
from tests.bench.client import Client
from tests.bench.figure import Figure

#: Submits under way at once.
SUBMITTERS = 16


async def jobs_per_second(
    client: Client, scratch: Path, *, group: str, agents: int, count: int
) -> Figure:
    local = await asyncio.to_thread(floor.pool, scratch, count)
    left = iter(range(count))

    async def submit() -> None:
        for _ in left:
            await client.start("echo", group)

    begun = time.perf_counter()
    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    while await client.has_open_jobs():  # noqa: ASYNC110 - it watches another process
        await asyncio.sleep(0.01)
    rate = count / (time.perf_counter() - begun)
    return Figure(
        name=f"jobs per second, {agents} agent{'s' if agents > 1 else ''}",
        value=rate,
        unit="jobs/s",
        floor=local,
        floor_name="local pool of four",
        aim="≥ 0.4×",
    )
