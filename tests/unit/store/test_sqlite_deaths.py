"""The server's process dies before and after every commit that it makes in a day, and the next one
opens the files as they were at that moment: the day ends as it would have."""

import pytest
from tests.support.memory import Crash
from tests.support.sqlite_life import WRITES, Life, halves, world_with
from tests.support.sqlite_world import COMMIT, Faults, Side
from tests.support.world.host import FakeHost
from tests.support.world.rest import rest
from tests.support.world.world import World

from farhand_server.store import sqlite


class MortalWorld(World):
    """A server that died is started again at once."""

    def round(self) -> bool:
        try:
            return super().round()
        except Crash:
            self._again()
            return True

    def join(self, host: FakeHost, *, answer_lost: bool = False) -> None:
        try:
            super().join(host, answer_lost=answer_lost)
        except Crash:
            self._again()

    def start_server(self) -> None:
        try:
            super().start_server()
        except Crash:
            self._again()

    def _again(self) -> None:
        self.kill_server()
        self.start_server()


class Death(Faults):
    """Of the commits that wrote something, the nth is the last thing that the process did, or what
    it came to no more."""

    def __init__(self, nth: int = 0, side: Side = Side.BEFORE) -> None:
        super().__init__()
        self._nth = nth
        self._side = side
        self._writes = False
        #: Commits so far.
        self.commits = 0
        self.is_over = False

    def reach(self, verb: str, side: Side) -> None:
        if side is Side.BEFORE:
            self._writes |= verb.startswith(WRITES) and verb != COMMIT
            self.commits += verb == COMMIT and self._writes
        is_due = self._writes and (self.commits, side) == (self._nth, self._side)
        if verb == COMMIT and side is Side.AFTER:
            self._writes = False
        if verb == COMMIT and is_due and not self.is_over:
            self.is_over, self._writes = True, False
            raise Crash


def lived(death: Death) -> None:
    """A day; a process that died on it is followed by another one."""
    with world_with(death, MortalWorld) as (world, folder):
        Life(world, folder / "farhand.db").run()
        rest(world)
        assert sqlite.examine(folder / "farhand.db") == []
        assert halves(folder / "farhand.db") == []


def count() -> int:
    """Commits of a day, without what comes to rest after it."""
    whole = Death()
    with world_with(whole, MortalWorld) as (world, folder):
        Life(world, folder / "farhand.db").run()
    return whole.commits


@pytest.mark.parametrize("side", Side)
def test_a_server_may_die_at_every_commit(side: Side) -> None:
    commits = count()
    for nth in range(1, commits + 1):
        death = Death(nth, side)
        try:
            lived(death)
        except AssertionError as error:
            raise AssertionError(f"{side.name} commit {nth}: {error}") from error
        assert death.is_over, nth
    print(f"{side.name.lower()} a commit: {commits} of {commits}")
