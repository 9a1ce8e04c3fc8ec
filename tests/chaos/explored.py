"""Nothing left to chance: every state of small worlds, every moment at which a process may die."""

import time
from collections import Counter

import pytest
from tests.chaos.report import Report, Table
from tests.chaos.simulated import Say
from tests.support.world.crashes.judgement import judge
from tests.support.world.crashes.lives import COURSES, Course, manners, moments
from tests.support.world.crashes.tripwire import Point
from tests.support.world.explorer import Explorer, begin
from tests.support.world.mutations import MUTATIONS, Mutation
from tests.support.world.scopes import SCOPES
from tests.support.world.story import story
from tests.support.world.truth import Violation

#: In which each broken rule must be found.
STATES = 2_500


def explored(*, seconds: float, say: Say) -> Report:
    """Every scope, as far as there is time, and every rule broken on purpose."""
    until = time.monotonic() + seconds
    report = Report(title="the explorer")
    rows = []
    for left, name in zip(range(len(SCOPES), 0, -1), SCOPES, strict=True):
        scope = SCOPES[name]
        share = max(1.0, (until - time.monotonic()) / left)
        found = Explorer(scope).explore(states=10_000_000, seconds=share)
        if found.violation:
            steps = "\n".join(story(begin(scope), found.path))
            say(f"  FAILS  {name}: {found.violation}\n{steps}")
            report.broken.append(f"{name}: {found.violation.splitlines()[0]}")
        numbers = (found.states, found.transitions, found.depth, found.rests)
        rows.append((name, *(f"{n:,}" for n in numbers), "yes" if found.is_complete else "no"))
    head = ("world", "states", "transitions", "depth", "brought to rest", "all of it")
    report.tables.append(Table(title="states, breadth first", head=head, rows=tuple(rows)))
    missed = [str(mutation) for mutation in MUTATIONS if not _is_found(mutation)]
    report.broken += [f"nobody notices that a rule is broken: {name}" for name in missed]
    score = (
        ("rules broken on purpose", f"{len(MUTATIONS):,}"),
        ("of them found", f"{len(MUTATIONS) - len(missed):,}"),
    )
    report.tables.append(Table(title="mutations", head=("what", "value"), rows=score))
    return report


def _is_found(mutation: Mutation) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        mutation.patch(patch)
        report = Explorer(mutation.scope, rests=10).explore(states=STATES)
    return report.violation.startswith(mutation.breaks)


def crashed(*, say: Say) -> Report:
    """A process dies at every moment of every course, in every manner."""
    report = Report(title="crash points")
    covered, total, lives = Counter[str](), Counter[str](), Counter[str]()
    for course in COURSES:
        for kind, count in moments(course).items():
            total[kind] += count
            for nth in range(1, count + 1):
                lives[kind] += _died(course, Point(kind, nth), report, say)
                covered[kind] += 1
    rows = [(kind, f"{covered[kind]} of {total[kind]}", f"{lives[kind]}") for kind in sorted(total)]
    rows.append(("all", f"{covered.total()} of {total.total()}", f"{lives.total()}"))
    head = ("a process dies", "moments", "lives")
    report.tables.append(Table(title="crash points", head=head, rows=tuple(rows)))
    return report


def _died(course: Course, point: Point, report: Report, say: Say) -> int:
    """How many lives it took to die there in every manner."""
    for manner in manners(point.kind):
        try:
            judge(course, point, manner)
        except Violation as violation:
            say(f"  FAILS  {violation}")
            report.broken.append(f"crash point: {str(violation).splitlines()[0]}")
    return len(manners(point.kind))
