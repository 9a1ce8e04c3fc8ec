"""What is going to happen, decided before anything happens: the same seed is the same plan."""

import enum
import random
import uuid
from dataclasses import dataclass

from tests.chaos import runbooks
from tests.chaos.runbooks import Runbook, Task


class Kind(enum.StrEnum):
    """A fault, as the report names it."""

    SERVER_KILL = "server killed"
    SERVER_RESTART = "server restarted"
    SERVER_FREEZE = "server frozen"
    AGENT_KILL = "agent killed, all but its runners"
    LAUNCHER_KILL = "launcher killed"
    LINK_KILL = "link killed"
    LINK_FREEZE = "link frozen"
    AGENT_RESTART = "agent restarted"
    RUNNER_KILL = "runner killed"
    CUT = "connection cut"
    REFUSE = "connection refused"
    HALF_OPEN = "connection half-open"
    LOSE_UP = "one way: to the server lost"
    LOSE_DOWN = "one way: to the agent lost"
    STALL = "connection stalled"
    RATE = "connection slow"
    DELAY = "connection delayed"
    SERVER_DISK = "server's disk full"
    AGENT_DISK = "agent's disk full"
    OPERATORS_CUT = "operators cut off"
    OPERATORS_HALF_OPEN = "operators half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job that somebody starts, and what else happens to it."""

    at: float
    job: str
    task: Task
    #: Seconds after it was started; None: nobody stops it.
    stop_after: float | None = None
    #: Seconds after it was started at which somebody lets it stand still; None: nobody does.
    suspend_after: float | None = None
    #: Seconds until it may go on.
    suspended_for: float = 0.0
    #: Somebody follows it and reconnects all the time.
    is_followed: bool = False
    #: Somebody follows it with `farhand`.
    has_command: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """A fault that begins."""

    at: float
    kind: Kind
    #: Chooses whom it hits, of those who are there then.
    pick: int
    #: Seconds until it is mended.
    lasting: float = 0.0
    #: How much of it, where that is a question.
    amount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Submissions and blows, each in the order of time."""

    seed: int
    seconds: float
    submissions: tuple[Submission, ...]
    blows: tuple[Blow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """How often, and how long."""

    weight: float
    shortest: float = 0.0
    longest: float = 0.0


#: Most faults are short, as in life; a few outlast the lease (45 s).
ODDS: dict[Kind, Odds] = {
    Kind.SERVER_KILL: Odds(weight=3, shortest=0.0, longest=4.0),
    Kind.SERVER_RESTART: Odds(weight=2, shortest=0.0, longest=3.0),
    Kind.SERVER_FREEZE: Odds(weight=1, shortest=0.5, longest=25.0),
    Kind.AGENT_KILL: Odds(weight=4, shortest=0.0, longest=60.0),
    Kind.LAUNCHER_KILL: Odds(weight=2, shortest=0.0, longest=5.0),
    Kind.LINK_KILL: Odds(weight=4),
    Kind.LINK_FREEZE: Odds(weight=2, shortest=0.5, longest=60.0),
    Kind.AGENT_RESTART: Odds(weight=3, shortest=0.0, longest=3.0),
    Kind.RUNNER_KILL: Odds(weight=1),
    Kind.CUT: Odds(weight=4, shortest=0.1, longest=10.0),
    Kind.REFUSE: Odds(weight=1, shortest=1.0, longest=10.0),
    Kind.HALF_OPEN: Odds(weight=2, shortest=1.0, longest=60.0),
    Kind.LOSE_UP: Odds(weight=2, shortest=1.0, longest=30.0),
    Kind.LOSE_DOWN: Odds(weight=2, shortest=1.0, longest=30.0),
    Kind.STALL: Odds(weight=2, shortest=0.5, longest=20.0),
    Kind.RATE: Odds(weight=1, shortest=2.0, longest=10.0),
    Kind.DELAY: Odds(weight=1, shortest=2.0, longest=10.0),
    Kind.SERVER_DISK: Odds(weight=1, shortest=0.5, longest=8.0),
    Kind.AGENT_DISK: Odds(weight=2, shortest=0.5, longest=15.0),
    Kind.OPERATORS_CUT: Odds(weight=2, shortest=0.1, longest=3.0),
    Kind.OPERATORS_HALF_OPEN: Odds(weight=1, shortest=0.5, longest=5.0),
}
#: Bytes a second, milliseconds.
AMOUNTS = {Kind.RATE: (20_000, 200_000), Kind.DELAY: (20, 500)}
RUNBOOK_WEIGHTS: dict[Runbook, float] = {
    runbooks.COUNT: 8,
    runbooks.STEP: 6,
    runbooks.AGAIN: 4,
    runbooks.ORPHAN: 2,
    runbooks.STUBBORN: 1,
}


def make(
    seed: int,
    *,
    seconds: float,
    jobs_per_second: float = 1.0,
    seconds_per_blow: float = 3.0,
    offered: frozenset[Runbook] = frozenset(RUNBOOK_WEIGHTS),
) -> Plan:
    """A plan for so many seconds, with those runbooks that can be published."""
    # Each has a source of its own: a new kind of fault does not change the jobs of a seed.
    jobs, blows = random.Random(f"jobs {seed}"), random.Random(f"blows {seed}")
    return Plan(
        seed=seed,
        seconds=seconds,
        submissions=tuple(
            _submission(jobs, at, offered) for at in _moments(jobs, seconds, 1 / jobs_per_second)
        ),
        blows=tuple(_blow(blows, at) for at in _moments(blows, seconds, seconds_per_blow)),
    )


def _moments(chance: random.Random, seconds: float, gap: float) -> list[float]:
    found, at = [], chance.expovariate(1 / gap)
    while at < seconds:
        found.append(at)
        at += chance.expovariate(1 / gap)
    return found


def _submission(chance: random.Random, at: float, offered: frozenset[Runbook]) -> Submission:
    weights = {book: weight for book, weight in RUNBOOK_WEIGHTS.items() if book in offered}
    runbook = chance.choices(list(weights), list(weights.values()))[0]
    stops, suspends = chance.random() < 0.12, chance.random() < 0.12
    return Submission(
        at=at,
        job=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        task=_task(chance, runbook),
        stop_after=chance.uniform(0.0, 4.0) if stops else None,
        suspend_after=chance.uniform(0.0, 3.0) if suspends else None,
        suspended_for=chance.uniform(0.5, 8.0),
        is_followed=chance.random() < 0.4,
        has_command=chance.random() < 0.06,
    )


def _task(chance: random.Random, runbook: Runbook) -> Task:
    code = chance.choice((0, 0, 0, 1, 3, 7))
    if runbook is runbooks.COUNT and chance.random() < 0.15:
        # Much at once: more than a window, at full speed.
        lines, block = chance.randint(5_000, 40_000), 1_000
        return Task(runbook=runbook, lines=lines, block=block, pause_seconds=0.0, code=code)
    seconds = chance.choice((0.0, 1.0, 3.0, 6.0, 15.0)) * chance.uniform(0.5, 1.5)
    lines = chance.randint(1, 120)
    block = chance.choice((1, 1, 3))
    return Task(
        runbook=runbook,
        lines=lines,
        block=block,
        pause_seconds=round(seconds * block / lines, 3),
        code=code,
    )


def _blow(chance: random.Random, at: float) -> Blow:
    kind = chance.choices(list(ODDS), [odds.weight for odds in ODDS.values()])[0]
    odds = ODDS[kind]
    # The square makes short ones frequent.
    share = chance.random() ** 2
    least, most = AMOUNTS.get(kind, (0, 0))
    return Blow(
        at=at,
        kind=kind,
        pick=chance.getrandbits(16),
        lasting=odds.shortest + share * (odds.longest - odds.shortest),
        amount=chance.randint(least, most),
    )
