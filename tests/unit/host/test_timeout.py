"""A script's time, on a clock that the test turns."""

import pytest

from farhand_agent.host.loop import Loop
from farhand_agent.host.timeout import Timeout, in_words


class Bench:
    """A timeout, and how often it was over."""

    def __init__(self) -> None:
        self.now = 50.0
        self.over = 0
        self._loop = Loop(lambda: self.now)
        self.timeout = Timeout(self._loop, over=self._is_over)

    def pass_(self, seconds: float) -> int:
        """Time passes; how often it was over by then."""
        self.now += seconds
        self._loop.after(0, lambda: None)
        self._loop.turn()
        return self.over

    def _is_over(self) -> None:
        self.over += 1


def test_it_is_over_once_when_its_time_has_passed() -> None:
    bench = Bench()
    bench.timeout.begin(90)

    assert bench.pass_(89) == 0
    assert bench.pass_(1) == 1
    assert bench.pass_(1000) == 1


def test_time_does_not_pass_while_it_pauses() -> None:
    bench = Bench()
    bench.timeout.begin(90)
    bench.pass_(60)
    bench.timeout.pause()
    bench.timeout.pause()
    assert bench.pass_(1000) == 0
    bench.timeout.go_on()
    assert bench.pass_(29) == 0
    bench.timeout.go_on()

    assert bench.pass_(1) == 1


def test_one_that_was_never_begun_is_never_over() -> None:
    bench = Bench()
    bench.timeout.pause()
    bench.timeout.go_on()
    bench.timeout.cancel()

    assert bench.pass_(10**9) == 0


def test_one_that_was_cancelled_is_not_over() -> None:
    bench = Bench()
    bench.timeout.begin(90)
    bench.timeout.cancel()

    assert bench.pass_(90) == 0


def test_a_time_that_was_over_before_it_paused_is_over_when_it_goes_on() -> None:
    bench = Bench()
    bench.timeout.begin(90)
    bench.now += 100
    bench.timeout.pause()
    assert bench.pass_(1000) == 0
    bench.timeout.go_on()

    assert bench.pass_(0) == 1


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (90_000, "90 s"),
        (1, "1 ms"),
        (1_500, "1500 ms"),
        (60_000, "1 min"),
        (5_400_000, "90 min"),
        (7_200_000, "2 h"),
        (86_400_000, "1 d"),
        (129_600_000, "36 h"),
    ],
)
def test_a_time_is_told_in_whole_units(milliseconds: int, words: str) -> None:
    assert in_words(milliseconds) == words
