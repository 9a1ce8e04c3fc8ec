"""Every state that a small world can come to, the simplest first, by the rules themselves.

python -m tests.support.world.explorer --states 30000
"""

import argparse
import itertools
import logging
import math
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import structlog
from tests.support.world.acts import commits, make
from tests.support.world.adversary import lie_low
from tests.support.world.fingerprint import fingerprint
from tests.support.world.moves import COMMIT, Move, Scope, due, failures, troubles, wishes
from tests.support.world.rest import prompt, rest
from tests.support.world.scopes import SCOPES
from tests.support.world.snapshot import pack, unpack
from tests.support.world.story import story
from tests.support.world.truth import Violation
from tests.support.world.world import World

from farhand_server.core import Patience

#: Seconds after which a job is given up whose worker stays away.
LOST_AFTER = 60
#: States of a scope that are looked at by hand, unless it is said otherwise.
STATES = 30_000
#: One in so many new states is brought to rest.
RESTS = 20


@dataclass(slots=True, kw_only=True)
class Report:
    """What was looked at, and what was found."""

    states: int = 0
    transitions: int = 0
    #: Steps of the longest path.
    depth: int = 0
    #: States that were brought to rest.
    rests: int = 0
    #: New states by the troubles on the way to them.
    by_troubles: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    #: Nothing in the scope is left to look at.
    is_complete: bool = False
    violation: str = ""
    #: The shortest way to it.
    path: tuple[Move, ...] = ()

    def __str__(self) -> str:
        by_troubles = ", ".join(f"{n:,} with {t}" for t, n in sorted(self.by_troubles.items()))
        return (
            f"{self.states:,} states ({by_troubles} troubles), {self.transitions:,} transitions, "
            f"depth {self.depth}, {self.rests:,} brought to rest, {self.seconds:.0f} s, "
            f"{self.transitions / max(self.seconds, 0.001):,.0f} transitions/s, "
            + ("all of it" if self.is_complete else "not all of it")
        )


@dataclass(frozen=True, slots=True)
class _State:
    """One that is still to be gone on from."""

    packed: bytes
    path: "_Path | None"
    depth: int
    troubles: int


@dataclass(frozen=True, slots=True)
class _Path:
    before: "_Path | None"
    move: Move

    def moves(self) -> tuple[Move, ...]:
        path: _Path | None = self
        moves = []
        while path is not None:
            moves.append(path.move)
            path = path.before
        return tuple(reversed(moves))


def begin(scope: Scope) -> World:
    """Two workers of one slot each, ready for the first job, and a third one that lies."""
    world = World(patience=Patience(warm=0.0))
    runbooks = world.state.tables.runbooks
    for id_, runbook in runbooks.items():
        runbooks[id_] = replace(runbook, lost_after=LOST_AFTER)
    lie_low(world)
    for _ in range(2):
        host = world.add_host(slots=1)
        world.join(host)
        world.start_agent(host)
    world.flow()
    if scope.joins:
        world.kill_agent(world.hosts[0])
        world.flow()
        world.start_agent(world.hosts[0])
    world.check()
    world.forget_history()
    return world


class Explorer:
    """Breadth-first: first everything without trouble, then with one, and so on."""

    def __init__(self, scope: Scope, *, rests: int = RESTS) -> None:
        self.report = Report()
        self._scope = scope
        self._rests = rests
        self._may_fail = scope.failures and scope.sees(COMMIT)
        #: The least trouble that each known state was reached with.
        self._known: dict[int, int] = {}
        self._at: _Path | None = None
        self._waiting: list[deque[_State]] = [deque() for _ in range(scope.troubles + 1)]

    def explore(self, *, states: int, seconds: float = math.inf) -> Report:
        """Until so many are known, the time is over, nothing is left, or a promise is broken."""
        started = time.perf_counter()
        report = self.report
        try:
            self._reach(begin(self._scope), None, 0, 0)
            for state in self._next():
                if report.states >= states or time.perf_counter() >= started + seconds:
                    break
                self._follow(state)
            else:
                report.is_complete = True
        except Violation as violation:
            report.violation = str(violation)
            report.path = self._at.moves() if self._at is not None else ()
        report.seconds = time.perf_counter() - started
        return report

    def _next(self) -> Iterator[_State]:
        for waiting in self._waiting:
            while waiting:
                yield waiting.popleft()

    def _follow(self, state: _State) -> None:
        """Makes every move that is possible in it."""
        fresh: World | None
        fresh = world = unpack(state.packed)
        moves = deque(self._moves(world, state))
        while moves:
            move, trouble = moves.popleft()
            after, fresh = fresh or unpack(state.packed), None
            commits_before = after.commits
            self._at = path = _Path(state.path, move)
            make(after, move)
            self.report.transitions += 1
            self._reach(after, path, state.depth + 1, state.troubles + trouble)
            may_fail = self._may_fail and state.troubles + trouble < self._scope.troubles
            if may_fail and commits(move) and after.commits > commits_before:
                moves.extend((failing, trouble + 1) for failing in failures(move))

    def _moves(self, world: World, state: _State) -> Iterator[tuple[Move, int]]:
        for move in itertools.chain(due(world)[:1], wishes(world, self._scope)):
            yield move, 0
        if state.troubles < self._scope.troubles:
            for move in troubles(world, self._scope):
                yield move, 1

    def _reach(self, world: World, path: _Path | None, depth: int, trouble: int) -> None:
        key = fingerprint(world)
        before = self._known.get(key)
        if before is not None and before <= trouble:
            return
        self._known[key] = trouble
        report = self.report
        self._waiting[trouble].append(_State(pack(world), path, depth, trouble))
        if before is None:
            report.states += 1
            report.depth = max(report.depth, depth)
            report.by_troubles[trouble] = report.by_troubles.get(trouble, 0) + 1
            if report.states % self._rests == 0:
                report.rests += 1
                _bring_to_rest(world)


def _bring_to_rest(world: World) -> None:
    """From here on nothing goes wrong any more."""
    try:
        prompt(world)
        rest(world)
    except Violation as violation:
        raise Violation(f"{violation}\nwhen all is well again from there on") from violation


def main() -> int:
    """Explores every scope; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=STATES, help="of each scope")
    parser.add_argument("--scope", choices=SCOPES, action="append")
    values = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for name in values.scope or SCOPES:
        report = Explorer(SCOPES[name]).explore(states=values.states)
        print(f"{name}: {report}", flush=True)
        if report.violation:
            print(report.violation, *story(begin(SCOPES[name]), report.path), sep="\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
