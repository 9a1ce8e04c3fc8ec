"""The simulated world, for as long as there is time: by seeds, and by hypothesis."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import hypothesis
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test
from tests.chaos.report import Report, Table, bound
from tests.support import sqlite_seeds
from tests.support.world.seeds import Driver
from tests.unit.core.test_world import WorldMachine

Say = Callable[[str], None]
#: Seeds that fail before no more are tried: they fail for one reason.
FAILURES_MOST = 5
EXAMPLES = 100
#: Agents of a world on real databases.
HOSTS = (3, 12)
STEPS = 60
#: Which invariants guard which promise (design of the world: tests/support/world/invariants.py).
GUARDS = {
    "no line is lost (L)": ("I6", "I7", "I8"),
    "no line stands there twice (D)": ("I13",),
    "nothing is executed twice (X)": ("I1", "I2"),
    "Stopped means that nothing runs": ("Stopped",),
    "nothing is stuck, nothing is left": ("I16", "I17"),
}
OTHERS = "everything else"


@dataclass(slots=True)
class Tally:
    """What the seeds did."""

    seeds: int = 0
    steps: int = 0
    jobs: int = 0
    executions: int = 0
    written: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, driver: Driver, seed: int, took: float) -> None:
        self.seeds += 1
        self.steps += len(driver.steps)
        self.jobs += len(driver.world.jobs)
        self.executions += driver.world.truth.execs.total()
        self.written += sum(map(len, driver.world.truth.written.values()))
        self.troubles += driver.troubles
        self.slowest = max(self.slowest, (took, seed))


def by_seeds(first: int, *, seconds: float, say: Say) -> Report:
    """As many seeds as fit, from `first` on."""
    tally, until = Tally(), time.monotonic() + seconds
    while time.monotonic() < until and len(tally.failures) < FAILURES_MOST:
        seed, begun = first + tally.seeds, time.monotonic()
        driver = Driver(seed)
        try:
            driver.run()
        except Exception as error:
            tally.failures.append((seed, f"{type(error).__name__}: {error}"))
            say(f"  FAILS  seed {seed}: {error}\n  replay: {replay(seed)}")
        tally.add(driver, seed, time.monotonic() - begun)
    return _report(tally, first)


def on_databases(first: int, *, seconds: float, say: Say) -> Report:
    """Seeds whose server works on real databases, a dozen agents at each other time."""
    broken: list[str] = []
    seed, jobs, output, until = first, 0, 0, time.monotonic() + seconds
    while time.monotonic() < until and len(broken) < FAILURES_MOST:
        hosts = HOSTS[seed % len(HOSTS)]
        try:
            course = sqlite_seeds.run(seed, hosts=hosts)
            jobs += len(course.jobs)
            output += sum(map(len, course.output.values()))
        except Exception as error:
            again = f"python -m tests.support.sqlite_seeds --first {seed} --seeds 1 --hosts {hosts}"
            broken.append(f"seed {seed}, {hosts} hosts: {str(error).splitlines()[0]}; {again}")
            say(f"  FAILS  {error}\n  replay: {again}")
        seed += 1
    rows = (
        ("seeds", f"{seed - first:,}", bound(seed - first, len(broken))),
        ("jobs", f"{jobs:,}", ""),
        ("bytes of output in the end", f"{output:,}", ""),
    )
    table = Table(title="seeds on real databases", head=("what", "value", "bound (3/n)"), rows=rows)
    return Report(title="real databases", tables=[table], broken=broken)


def replay(seed: int) -> str:
    """What to type to see a seed again."""
    return f".venv/bin/python -c 'from tests.support.world.seeds import run; run({seed})'"


def _report(tally: Tally, first: int) -> Report:
    guarded = Counter(_promise(text) for _, text in tally.failures)
    rows = [
        (promise, f"{tally.seeds:,}", f"{guarded[promise]}", bound(tally.seeds, guarded[promise]))
        for promise in (*GUARDS, OTHERS)
    ]
    done = (
        ("seeds", f"{first:,} to {first + tally.seeds - 1:,}"),
        ("steps", f"{tally.steps:,}"),
        ("jobs", f"{tally.jobs:,}"),
        ("scripts executed", f"{tally.executions:,}"),
        ("bytes written", f"{tally.written:,}"),
        ("faults", f"{tally.troubles.total():,}"),
        ("slowest seed", f"{tally.slowest[1]:,} ({tally.slowest[0]:.2f} s)"),
    )
    faults = [(name.replace("_", " "), f"{n:,}") for name, n in tally.troubles.most_common()]
    broken = [
        f"seed {seed}: {text.splitlines()[0]}; {replay(seed)}" for seed, text in tally.failures
    ]
    if not tally.troubles:
        broken.append("no seed met a fault: nothing was tried")
    return Report(
        title="the simulated world",
        tables=[
            Table(title="seeds", head=("what", "value"), rows=done),
            Table(
                title="promises in the simulated world",
                head=("promise", "seeds", "broken", "bound (3/n)"),
                rows=tuple(rows),
            ),
            Table(
                title="faults of the simulated world", head=("fault", "times"), rows=tuple(faults)
            ),
        ],
        broken=broken,
    )


def _promise(text: str) -> str:
    words = re.findall(r"\bI\d+\b|\bStopped\b", text.partition("\nseed ")[0])
    return next((p for p, guards in GUARDS.items() if words and words[0] in guards), OTHERS)


def by_hypothesis(first: int, *, seconds: float, say: Say) -> Report:
    """More examples, of another seed each round."""

    class Counted(WorldMachine):
        examples = 0
        checks = 0

        def check_invariants(self, *values: object, **named: object) -> None:
            Counted.checks += 1
            super().check_invariants(*values, **named)  # type: ignore[arg-type]

        def teardown(self) -> None:
            Counted.examples += 1
            super().teardown()

    broken: list[str] = []
    rounds, until = 0, time.monotonic() + seconds
    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    while time.monotonic() < until and not broken:
        hypothesis.seed(first + rounds)(Counted)
        try:
            run_state_machine_as_test(Counted, settings=settings)
        except Exception as error:
            steps = "\n".join(getattr(error, "__notes__", ()))
            broken.append(f"hypothesis, seed {first + rounds}: {error}")
            say(f"  FAILS  {error}\n{steps}")
        rounds += 1
    rows = (
        ("rounds", f"{rounds:,}", ""),
        ("examples", f"{Counted.examples:,}", bound(Counted.examples, len(broken))),
        ("states checked", f"{Counted.checks:,}", ""),
    )
    table = Table(title="hypothesis", head=("what", "value", "bound (3/n)"), rows=rows)
    return Report(title="hypothesis", tables=[table], broken=broken)
