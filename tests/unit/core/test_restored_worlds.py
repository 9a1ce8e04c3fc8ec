"""Worlds in which backups are restored, state directories copied and identities decided about more
often than anywhere else: every promise holds that a restore does not make impossible."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.memory import MemoryTx
from tests.support.world.seeds import run
from tests.support.world.truth import Violation

from farhand_server.core import adoption, conflicts, lost_time, parties, restoring
from farhand_server.model.clock import Instant
from farhand_server.model.job import Job

OFTEN = ("backup", "restore", "clone", "keep", "wipe", "lose_state", "release")
BATCH = 50
SEEDS = 1_500

Patch = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("first", range(0, 300, BATCH))
def test_every_promise_holds_in_restored_and_copied_worlds(first: int) -> None:
    for seed in range(first, first + BATCH):
        run(seed, trouble=0.5, often=OFTEN)


# --- a broken rule is found -----------------------------------------------------------------


def absence_proves_what_is_lost(patch: pytest.MonkeyPatch) -> None:
    missing = adoption._missing

    def hasty(job: Job, *rest: Any) -> list[Any]:
        return missing(replace(job, reserved=0), *rest)

    patch.setattr(adoption, "_missing", hasty)


def nobody_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryTx, "unreported", lambda tx: [])


def attempts_of_the_lost_time_are_not_taken_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lost_time, "take_over", lambda *values: [])


def numbers_are_given_again(patch: pytest.MonkeyPatch) -> None:
    grant = Job.grant
    patch.setattr(Job, "grant", lambda job, **values: grant(replace(job, reserved=0), **values))


def a_restored_server_knows_every_number(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(restoring, "has_reported", lambda worker, ctx: True)


def whoever_was_refused_may_come_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parties, "known", lambda worker, party: None)


def a_hello_that_was_overtaken_accuses(patch: pytest.MonkeyPatch) -> None:
    refused = conflicts.refused

    def suspicious(worker: Any, event: Any, ctx: Any) -> list[Any]:
        return refused(worker, replace(event, challenged=Instant(1e18)), ctx)

    patch.setattr(conflicts, "refused", suspicious)


def nobody_is_recognised(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parties, "is_recognised", lambda *values: False)


@pytest.mark.parametrize(
    ("mutation", "breaks"),
    [
        (absence_proves_what_is_lost, ("I1",)),
        (nobody_is_waited_for, ("I1", "I2")),
        (attempts_of_the_lost_time_are_not_taken_over, ("I1",)),
        (numbers_are_given_again, ("I1", "I2")),
        (a_restored_server_knows_every_number, ("I1", "I17", "I20")),
        (whoever_was_refused_may_come_back, ("I17", "I10")),
        (a_hello_that_was_overtaken_accuses, ("I20",)),
        (nobody_is_recognised, ("I17",)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_broken_rule_of_identity_is_found(
    mutation: Patch, breaks: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    found = ""
    for seed in range(SEEDS):
        try:
            run(seed, trouble=0.5, often=OFTEN)
        except Violation as violation:
            found = str(violation)
            break

    assert found.startswith(breaks), f"in {SEEDS} seeds: {found or 'nothing'}"
