"""The whole server on real databases, driven by chance: it does what it does in memory."""

import pytest
from tests.support.sqlite_seeds import course, run
from tests.support.world.seeds import Driver

BATCH = 15


@pytest.mark.parametrize("first", range(0, 60, BATCH))
def test_a_seed_takes_the_same_course_on_real_databases(first: int) -> None:
    for seed in range(first, first + BATCH):
        driver = Driver(seed)
        driver.run()

        assert run(seed) == course(driver), f"seed {seed}"


@pytest.mark.parametrize("seed", range(3))
def test_a_dozen_agents_keep_every_promise(seed: int) -> None:
    done = run(seed, hosts=12)

    assert done.jobs
