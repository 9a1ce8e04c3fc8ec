"""Every state that small worlds can come to keeps every promise; broken rules are found there."""

import pytest
from tests.support.world.acts import make
from tests.support.world.explorer import Explorer, begin
from tests.support.world.fingerprint import fingerprint
from tests.support.world.moves import Move, Scope, due
from tests.support.world.mutations import MUTATIONS, Mutation
from tests.support.world.scopes import SCOPES
from tests.support.world.snapshot import pack, unpack
from tests.support.world.story import story
from tests.support.world.world import World

#: Every state of these is looked at: whatever breaks; a stop, a restore, at any moment.
WHOLE = ("plain", "stops", "restores")
#: Of the scopes that are too large to be looked at as a whole here.
STATES = 600
#: In which each mutation must be found.
FEW = 2_500


@pytest.fixture
def world() -> World:
    return begin(Scope())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WHOLE)
def test_whatever_breaks_once_in_the_life_of_a_job_no_promise_does(name: str) -> None:
    report = Explorer(SCOPES[name]).explore(states=50_000)

    assert not report.violation, f"{report.violation}\n{report.path}"
    assert report.is_complete
    assert report.states > 3_000
    assert report.rests > 100


@pytest.mark.parametrize("name", [name for name in SCOPES if name not in WHOLE])
def test_the_simplest_states_of_other_worlds_keep_every_promise(name: str) -> None:
    report = Explorer(SCOPES[name]).explore(states=STATES)

    assert not report.violation, f"{report.violation}\n{report.path}"
    assert report.states >= STATES


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_broken_rule_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.patch(monkeypatch)

    report = Explorer(mutation.scope, rests=10).explore(states=FEW)

    assert report.violation.startswith(mutation.breaks), report.violation or "nothing was found"


def test_the_way_to_a_broken_promise_is_told_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = next(m for m in MUTATIONS if str(m) == "stopped_is_said_at_once")
    mutation.patch(monkeypatch)
    report = Explorer(mutation.scope).explore(states=FEW)

    told = list(story(begin(mutation.scope), report.path))

    assert len(told) == len(report.path)
    assert told[1] == "  2. agent hears 0: Offer  [NEW 0]"
    assert told[-1].endswith("stop 0")


# --- equal situations are found equal -----------------------------------------------------------


def test_a_cut_that_has_healed_leaves_no_trace(world: World) -> None:
    other = unpack(pack(world))

    for host in (0, 1):
        make(world, Move("cut", host, "both know"))
    assert fingerprint(world) != fingerprint(other)
    _heal(world)
    _heal(other)

    assert fingerprint(world) == fingerprint(other)


def test_the_workers_are_alike(world: World) -> None:
    other = unpack(pack(world))
    make(world, Move("kill agent", 0))
    make(other, Move("kill agent", 1))

    assert fingerprint(world) == fingerprint(other)


@pytest.mark.parametrize("name", ["submit", "kill server", "kill agent", "reboot", "break"])
def test_what_has_happened_shows(world: World, name: str) -> None:
    before = fingerprint(world)

    make(world, Move(name))

    assert fingerprint(world) != before


def test_a_copy_goes_its_own_way(world: World) -> None:
    before = fingerprint(world)
    copy = unpack(pack(world))
    assert fingerprint(copy) == before

    make(copy, Move("submit"))
    _heal(copy)

    assert [job.id for job in copy.jobs]
    assert not world.jobs
    assert fingerprint(world) == before


def _heal(world: World) -> None:
    """Whatever is due happens, until nothing does."""
    before = None
    while (now := fingerprint(world)) != before:
        before = now
        while moves := [move for move in due(world) if move.name != "wait"]:
            make(world, moves[0])
        make(world, Move("wait"))
