"""Much output: from the script to the follower, stored on the way."""

import asyncio
from pathlib import Path

from tests.bench import floor
from tests.bench.client import Client
from tests.bench.figure import Figure, median

LINE = "x" * 80
LINES = 84_000_000 // 81
SCRIPTS = {
    "million": "seq 1000000",
    "wide": f"yes {LINE} | head -n {LINES}",
    "flood": f"yes {LINE} | head -n {400_000_000 // 81}",
}
SIZES = {"million": 6_888_896, "wide": LINES * 81}


async def end_to_end(
    client: Client, scratch: Path, *, script: str, name: str, aim: str, rounds: int
) -> Figure:
    ours: list[float] = []
    local: list[float] = []
    for _ in range(rounds):
        local.append(await asyncio.to_thread(floor.pipe, SCRIPTS[script], scratch))
        run = await client.run(script, "bench")
        assert run.output_bytes == SIZES[script], f"{run.output_bytes} bytes of {script}"
        ours.append(run.completed)
    return Figure(
        name=name,
        value=median(ours) * 1000,
        unit="ms",
        floor=median(local) * 1000,
        floor_name="pipe to file",
        aim=aim,
    )


async def under_flood(client: Client, *, count: int) -> Figure:
    """`echo hi` on another agent while one job floods, beside the same while nothing does."""
    idle = [(await client.run("echo", "bench")).completed for _ in range(count)]
    flood = asyncio.create_task(client.run("flood", "flood"))
    busy: list[float] = []
    while not flood.done() and len(busy) < count:
        busy.append((await client.run("echo", "bench")).completed)
    await flood
    return Figure(
        name="`echo hi` on another agent while one job floods, completed p50",
        value=median(busy) * 1000,
        unit="ms",
        floor=median(idle) * 1000,
        floor_name="the same agent while nothing floods",
        aim="≤ 6×",
        note=f"{len(busy)} jobs",
    )
