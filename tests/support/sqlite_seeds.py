"""Worlds driven by chance whose server works on real databases.

python -m tests.support.sqlite_seeds --seeds 1000
"""

import argparse
import functools
import logging
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog
from tests.support.sqlite_output import SqliteOutput
from tests.support.sqlite_world import SqliteRows
from tests.support.world.seeds import Driver
from tests.support.world.truth import Violation
from tests.support.world.world import World

from farhand_server.model.identifiers import JobId
from farhand_server.model.job import Job
from farhand_server.model.output import SpoolId

#: Where a file needs no disk, if there is such a place.
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What happened with a seed, and what came of it."""

    steps: list[str]
    jobs: dict[JobId, Job]
    output: dict[SpoolId, bytes]


def course(driver: Driver) -> Course:
    """Of one that has been run."""
    world = driver.world
    output = {spool: world.output.committed(spool) for spool in world.output.spools()}
    return Course(steps=driver.steps, jobs=dict(world.state.tables.jobs), output=output)


def run(seed: int, *, hosts: int = 3) -> Course:
    """One world from its beginning to its rest. Raises Violation."""
    where = MEMORY if MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=where) as name,
        closing(SqliteRows(Path(name))) as state,
        closing(SqliteOutput(Path(name))) as output,
    ):
        world = functools.partial(World, state=state, output=output)
        driver = Driver(seed, world=world, hosts=hosts)
        driver.run()
        return course(driver)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--hosts", type=int, default=3)
    values = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    broken = 0
    for seed in range(values.first, values.first + values.seeds):
        try:
            run(seed, hosts=values.hosts)
        except Violation as violation:
            print(violation, flush=True)
            broken += 1
    print(f"{values.seeds} seeds over real databases, {broken} of them broke a promise")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
