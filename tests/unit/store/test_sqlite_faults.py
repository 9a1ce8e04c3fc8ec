"""Every verb of the state store fails once, at every call of a job's life, done or not done.

The rules, the turns and the agent are real, the database too; the operator asks again until it is
answered, as people and programs do.
"""

import functools
import inspect

import pytest
from tests.support.sqlite_life import WRITES, Life, halves, world_with
from tests.support.sqlite_world import COMMIT, Faults, Point, Side
from tests.support.world.rest import rest

from farhand_server.core.ports import Tx
from farhand_server.store import sqlite

BATCHES = 8


@functools.cache
def points() -> list[Point]:
    """Every call that a life makes; those that write fail on both sides."""
    faults = Faults()
    with world_with(faults) as (world, folder):
        Life(world, folder / "farhand.db").run()
    return [
        Point(verb, nth, side)
        for verb, calls in sorted(faults.calls.items())
        for nth in range(1, calls + 1)
        for side in Side
        if side is Side.BEFORE or verb.startswith(WRITES)
    ]


def test_a_life_asks_for_every_verb_of_the_store() -> None:
    verbs = {name for name, _ in inspect.getmembers(Tx, inspect.isfunction) if name[0] != "_"}

    assert {point.verb for point in points()} == verbs | {COMMIT}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_commit_then_timeout_everywhere(batch: int) -> None:
    for point in points()[batch::BATCHES]:
        faults = Faults(point)
        try:
            with world_with(faults) as (world, folder):
                Life(world, folder / "farhand.db").run()
                assert faults.fired
                rest(world)
                assert sqlite.examine(folder / "farhand.db") == []
                assert halves(folder / "farhand.db") == []
        except AssertionError as error:
            raise AssertionError(f"{point}: {error}") from error
