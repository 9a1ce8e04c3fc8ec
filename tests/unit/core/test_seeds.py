"""Many worlds driven by chance: every promise holds after every step, and all come to rest."""

import pytest
from tests.support.world.seeds import run

BATCH = 50
#: They found a broken promise once.
FOUND = (427, 404001942, 404002319)


@pytest.mark.parametrize("first", range(0, 400, BATCH))
def test_every_promise_holds_whatever_happens(first: int) -> None:
    for seed in range(first, first + BATCH):
        run(seed)


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_once_stays_mended(seed: int) -> None:
    run(seed)
