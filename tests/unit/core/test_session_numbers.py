"""Every way in which two agents with one identity, or one honest agent, can meet the server.

Breadth first over the real rules: a state is what the rows, the disks and the wires hold. Numbers
count from the lowest one that matters, so that the same situation is met once.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from tests.support import samples
from tests.support.world.rows import GROUP

from farhand_server.core import numbers
from farhand_server.model.worker import Worker

ROW = samples.worker(group=GROUP, confirmed_number=0, issued_number=1)


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent, as it is at a moment."""

    #: Session number on its disk.
    disk: int
    #: Numbers shown by Hellos of streams that it gave up: they may arrive late, or never.
    late: tuple[int, ...] = ()
    #: Number of the Welcome that is on its way to it.
    welcome: int | None = None

    def shifted(self, by: int) -> "Agent":
        return Agent(
            disk=self.disk - by,
            late=tuple(sorted(number - by for number in self.late)),
            welcome=None if self.welcome is None else self.welcome - by,
        )


@dataclass(frozen=True, kw_only=True)
class State:
    confirmed: int
    issued: int
    agents: tuple[Agent, ...]
    #: Whose stream the server takes for the session, and the number that it was given.
    session: tuple[int, int] | None = None
    #: It began before the copy was made.
    is_old: bool = False
    #: Whose session was the first to stand of those since then: its Heartbeat was heard.
    stood: int | None = None
    #: The other one's stood as well.
    unfound: bool = False
    refused: int | None = None

    @property
    def row(self) -> Worker:
        return replace(ROW, confirmed_number=self.confirmed, issued_number=self.issued)

    def normal(self) -> "State":
        by = min([self.confirmed, *(n for a in self.agents for n in (a.disk, *a.late))])
        return replace(
            self,
            confirmed=self.confirmed - by,
            issued=self.issued - by,
            agents=tuple(agent.shifted(by) for agent in self.agents),
            session=None if self.session is None else (self.session[0], self.session[1] - by),
        )

    def with_agent(self, index: int, agent: Agent) -> "State":
        agents = list(self.agents)
        agents[index] = agent
        return replace(self, agents=tuple(agents))


Admits = Callable[[Worker, int], bool]
Shown = Callable[[Worker, int], Worker]


@dataclass(frozen=True, kw_only=True)
class Rules:
    admits: Admits = numbers.admits
    shown: Shown = numbers.shown
    confirmed: Shown = numbers.confirmed


def steps(state: State, rules: Rules, *, late: int) -> Iterator[tuple[str, State]]:
    """Everything that may happen next."""
    for index, agent in enumerate(state.agents):
        yield from _hello(state, rules, index, agent)
        if len(agent.late) < late:
            # It says Hello, gives the stream up, and the Hello goes on its way.
            given_up = replace(agent, late=(*agent.late, agent.disk), welcome=None)
            yield f"{index} gives up", state.with_agent(index, given_up)
        for number in set(agent.late):
            yield from _late_hello(state, rules, index, agent, number)
        if agent.welcome is not None:
            kept = replace(agent, disk=agent.welcome, welcome=None)
            yield f"{index} keeps {agent.welcome}", state.with_agent(index, kept)
            lost = replace(agent, welcome=None)
            yield f"{index} loses its Welcome", state.with_agent(index, lost)
        if state.session == (index, agent.disk) and agent.welcome is None:
            yield f"{index} is heard", _heartbeat(state, rules, index)
    if state.session is not None:
        yield "the server is killed", replace(state, session=None)


def _hello(state: State, rules: Rules, index: int, agent: Agent) -> Iterator[tuple[str, State]]:
    """A Hello that arrives while its agent waits; the commit may be lost with the server."""
    if not rules.admits(state.row, agent.disk):
        yield f"{index} is refused with {agent.disk}", replace(state, refused=index)
        return
    row = rules.shown(state.row, agent.disk)
    heard = replace(
        state,
        confirmed=row.confirmed_number,
        issued=row.issued_number,
        session=(index, row.issued_number),
        is_old=False,
    )
    welcomed = heard.with_agent(index, replace(agent, welcome=row.issued_number))
    yield f"{index} shows {agent.disk}", welcomed
    yield f"{index} shows {agent.disk}, then the server dies", replace(heard, session=None)


def _late_hello(
    state: State, rules: Rules, index: int, agent: Agent, number: int
) -> Iterator[tuple[str, State]]:
    """Nobody waits for the answer."""
    rest = list(agent.late)
    rest.remove(number)
    without = state.with_agent(index, replace(agent, late=tuple(rest)))
    yield f"{number} of {index} is lost", without
    if rules.admits(state.row, number):
        row = rules.shown(state.row, number)
        yield (
            f"{number} of {index} comes late",
            replace(
                without,
                confirmed=row.confirmed_number,
                issued=row.issued_number,
                session=(index, row.issued_number),
                is_old=False,
            ),
        )


def _heartbeat(state: State, rules: Rules, index: int) -> State:
    assert state.session is not None
    row = rules.confirmed(state.row, state.session[1])
    stood = index if state.stood is None and not state.is_old else state.stood
    return replace(
        state,
        confirmed=row.confirmed_number,
        stood=stood,
        unfound=stood is not None and stood != index,
    )


Path = tuple[str, ...]


def explore(
    begin: dict[State, Path], rules: Rules, *, depth: int, late: int
) -> Iterator[tuple[State, Path]]:
    """Every state that can be reached with paths of at most `depth` steps, nearest first."""
    seen = set(begin)
    queue = deque(begin.items())
    while queue:
        state, path = queue.popleft()
        yield state, path
        if len(path) == depth or state.refused is not None:
            continue
        for what, following in steps(state, rules, late=late):
            following = following.normal()
            if following not in seen:
                seen.add(following)
                queue.append((following, (*path, what)))


def alone(rules: Rules, *, depth: int = 14) -> Iterator[tuple[State, Path]]:
    """A machine that just registered, and nobody else."""
    first = State(confirmed=0, issued=1, agents=(Agent(disk=1),))
    return explore({first.normal(): ()}, rules, depth=depth, late=2)


def locked_out(found: Iterator[tuple[State, Path]]) -> Path | None:
    return next((path for state, path in found if state.refused is not None), None)


# --- one honest machine ---------------------------------------------------------------------


def test_no_honest_machine_is_ever_locked_out() -> None:
    """Over every sequence of lost Welcomes, given-up streams, late Hellos, kills of either side."""
    found = list(alone(Rules()))

    assert len(found) > 1_000
    assert locked_out(iter(found)) is None


@pytest.mark.parametrize(
    "rules",
    [
        Rules(admits=lambda row, number: number == row.issued_number),
        Rules(admits=lambda row, number: number in (row.confirmed_number, row.issued_number)),
        Rules(confirmed=lambda row, number: replace(row, confirmed_number=number + 1)),
    ],
    ids=["only the last one", "one of two slots", "one too far"],
)
def test_a_rule_that_locks_honest_machines_out_is_found(rules: Rules) -> None:
    assert locked_out(alone(rules)) is not None


# --- two agents with one identity -----------------------------------------------------------


def copies(rules: Rules) -> Iterator[tuple[State, Path]]:
    """Every way on from every moment at which the state directory may have been copied."""
    moments: dict[State, Path] = {}
    for moment, _ in alone(Rules(), depth=5):
        (original,) = moment.agents
        copy = Agent(disk=original.disk)
        copied = replace(moment, agents=(original, copy), stood=None, is_old=True)
        moments[copied.normal()] = ()
    return explore(moments, rules, depth=7, late=0)


def unfound(found: Iterator[tuple[State, Path]]) -> Path | None:
    return next((path for state, path in found if state.unfound), None)


def test_a_copy_is_found_within_three_connects() -> None:
    """The first is the original's, before the copy was made. The second makes a session stand,
    whosesoever it is: its number is on one disk and on no other, so the third, by the other one,
    is refused. A connect that reaches no Heartbeat does not count: it is never offered a job."""
    found = list(copies(Rules()))

    assert len(found) > 10_000
    assert unfound(iter(found)) is None


@pytest.mark.parametrize(
    "rules",
    [
        Rules(admits=lambda row, number: number <= row.issued_number),
        Rules(confirmed=lambda row, number: row),
        Rules(
            shown=lambda row, number: replace(
                row, confirmed_number=number, issued_number=max(row.issued_number, number + 1)
            )
        ),
    ],
    ids=["any old one", "heartbeats confirm nothing", "a number is given twice"],
)
def test_a_rule_that_lets_copies_go_on_is_found(rules: Rules) -> None:
    assert unfound(copies(rules)) is not None
