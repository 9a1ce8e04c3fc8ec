"""How long agents stay away after a failure: longer from failure to failure, never long."""

from tests.support.world.clock import WorldClock

from farhand_server.engine.restarts import Restarts
from farhand_wire import limits


def test_failures_that_follow_each_other_double_the_delay_up_to_a_cap() -> None:
    restarts = Restarts(WorldClock())

    delays = [restarts.delay_ms() for _ in range(7)]
    assert delays == [200, 400, 800, 1600, 3200, 5000, 5000]


def test_after_a_calm_time_a_failure_is_the_first_again() -> None:
    clock = WorldClock()
    restarts = Restarts(clock)
    restarts.delay_ms()
    restarts.delay_ms()
    clock.ms += int(limits.RESTART_CALM_SECONDS * 1000) + 1

    assert restarts.delay_ms() == limits.RESTART_MS


def test_a_trouble_that_goes_on_is_one_trouble_however_slow_it_is() -> None:
    clock = WorldClock()
    restarts = Restarts(clock)
    for _ in range(9):
        delay = restarts.delay_ms()
        clock.ms += 2 * delay  # agents come back after the delay and a jitter

    assert delay == limits.RESTART_MS_MOST
