"""`echo hi`: how long until the first line is here, and until the job is over."""

import asyncio
from pathlib import Path

from tests.bench import floor
from tests.bench.client import Client, Run
from tests.bench.figure import Figure, median, percentile

SILENCE_SECONDS = 60.0


async def warm(client: Client, scratch: Path, count: int) -> list[Figure]:
    """Back to back, each beside a local one."""
    runs: list[Run] = []
    local: list[float] = []
    for _ in range(count):
        local.append(await asyncio.to_thread(floor.echo, scratch))
        runs.append(await client.run("echo", "bench"))
    figures = []
    for share, word in ((0.5, "p50"), (0.99, "p99")):
        base = percentile(local, share) * 1000
        for name, aim, values in (
            ("first line", "≤ 3×", [run.first_line for run in runs]),
            ("completed", "≤ 4×", [run.completed for run in runs]),
        ):
            figures.append(
                Figure(
                    name=f"submit → {name}, {word}",
                    value=percentile(values, share) * 1000,
                    unit="ms",
                    floor=base,
                    floor_name="local subprocess, output appended to a file",
                    aim=aim if word == "p50" else "",
                    note="back to back",
                )
            )
    return figures


async def cold(client: Client, scratch: Path, count: int) -> list[Figure]:
    """The first job after a minute of silence."""
    runs: list[Run] = []
    local: list[float] = []
    for _ in range(count):
        await asyncio.sleep(SILENCE_SECONDS)
        local.append(await asyncio.to_thread(floor.echo, scratch))
        runs.append(await client.run("echo", "bench"))
    base = median(local) * 1000
    note = f"after {SILENCE_SECONDS:.0f} s of silence, median of {count}"
    return [
        Figure(
            name=f"submit → {name}",
            value=median(values) * 1000,
            unit="ms",
            floor=base,
            floor_name="local subprocess, output appended to a file",
            note=note,
        )
        for name, values in (
            ("first line", [run.first_line for run in runs]),
            ("completed", [run.completed for run in runs]),
        )
    ]
