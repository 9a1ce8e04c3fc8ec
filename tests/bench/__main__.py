"""Runs the server and its agents as real processes and measures them from outside."""

import argparse
import asyncio
import compileall
import json
import sys
import time
from pathlib import Path

from demo.stage import Process, Stage
from tests.bench import bulk, echo, memory, throughput
from tests.bench.client import Client
from tests.bench.figure import Figure, as_json, table

import farhand_agent
import farhand_wire

#: Slots of each agent.
SLOTS = 10


def main() -> int:
    options = _options()
    _compile()
    stage = Stage()
    try:
        figures = asyncio.run(measure(stage, quick=options.quick))
    finally:
        stage.clear()
    if options.json:
        Path(options.json).write_text(as_json(figures) + "\n")
    else:
        print(as_json(figures))
    print(table(figures))
    return 0


def _compile() -> None:
    """What is installed has its byte code beside it; without it every start of a process compiles
    all that it loads."""
    for package in (farhand_agent, farhand_wire):
        compileall.compile_dir(Path(package.__file__ or "").parent, quiet=1)


async def measure(stage: Stage, *, quick: bool) -> list[Figure]:
    server = stage.serve()
    for name, group in (("bench-a", "bench"), ("flood-a", "flood")):
        join(stage, name, group)
    begun = time.perf_counter()
    agent = stage.agent("bench-a", slots=SLOTS)
    figures = [memory.since(begun)]
    stage.agent("flood-a", slots=SLOTS)
    client = Client(Path(stage.env["FARHAND_CONFIG"]))
    try:
        await client.publish("echo", "echo hi\n")
        for name, script in bulk.SCRIPTS.items():
            await client.publish(name, script + "\n")
        figures.append(memory.idle_agent(agent.pid))
        figures += await speed(stage, client, quick=quick)
        figures.append(await connections(stage, server, quick=quick))
    finally:
        await client.close()
    return figures


async def speed(stage: Stage, client: Client, *, quick: bool) -> list[Figure]:
    scratch = stage.root / "floor"
    await client.run("echo", "bench")
    figures = await echo.warm(client, scratch, 60 if quick else 300)
    if not quick:
        figures += await echo.cold(client, scratch, 2)
    figures.append(
        await bulk.end_to_end(
            client, scratch, script="million", name="1,000,000 lines of `seq`", aim="≤ 6×", rounds=5
        )
    )
    figures.append(
        await bulk.end_to_end(
            client, scratch, script="wide", name="84 MB of 81-byte lines", aim="≤ 5×", rounds=3
        )
    )
    figures.append(await bulk.under_flood(client, count=20 if quick else 60))
    count = 200 if quick else 1000
    figures.append(
        await throughput.jobs_per_second(client, scratch, group="bench", agents=1, count=count)
    )
    for number in range(4):
        join(stage, f"four-{number}", "four")
        stage.agent(f"four-{number}", slots=SLOTS)
    figures.append(
        await throughput.jobs_per_second(client, scratch, group="four", agents=4, count=count)
    )
    return figures


async def connections(stage: Stage, server: Process, *, quick: bool) -> Figure:
    keys = json.loads(stage.run("farhand", "-o", "json", "key", "show"))
    return await memory.per_connection(
        server.pid,
        stage.endpoint,
        (stage.root / "server" / "ca.pem").read_bytes(),
        keys["primaryKey"],
        count=100 if quick else 400,
    )


def join(stage: Stage, name: str, group: str) -> None:
    made = stage.run("farhand", "-o", "json", "token", "create", "--group", group)
    stage.join(name, json.loads(made)["token"], group=group)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no silence")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
