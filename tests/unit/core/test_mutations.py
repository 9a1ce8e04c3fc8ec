"""A promise is only tested if breaking its rule is found: each mutation must be caught by seeds."""

import pytest
from tests.support.world.mutations import MUTATIONS, Mutation
from tests.support.world.seeds import run
from tests.support.world.truth import Violation

#: Most are found in the first dozen; the last one shows how rare a coincidence may be.
SEEDS = 1_500


@pytest.mark.parametrize("mutation", [m for m in MUTATIONS if m.by_chance], ids=str)
def test_a_broken_rule_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.patch(monkeypatch)
    found = ""
    for seed in range(SEEDS):
        try:
            run(seed, trouble=0.5)
        except Violation as violation:
            found = str(violation)
            break

    assert found.startswith(mutation.breaks), f"in {SEEDS} seeds: {found or 'nothing'}"
