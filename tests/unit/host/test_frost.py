"""What is said of a job that is to stand still: only what is so, and what was asked last."""

from farhand_agent.host.frost import Frost
from farhand_agent.host.loop import Loop


class SlowFreezer:
    """Needs some steps until what it does is done."""

    def __init__(self) -> None:
        #: Steps that will not do yet.
        self.slow = 0
        self.asked: list[str] = []

    def freeze(self) -> bool:
        return self._step("freeze")

    def thaw(self) -> bool:
        return self._step("thaw")

    def _step(self, what: str) -> bool:
        self.asked.append(what)
        self.slow = max(0, self.slow - 1)
        return self.slow == 0


class Bench:
    """A job's frost, its freezer, and what was said."""

    def __init__(self) -> None:
        self.now = 0.0
        self.freezer = SlowFreezer()
        self.said: list[bool] = []
        self.loop = Loop(lambda: self.now)
        self.frost = Frost(self.loop, self.freezer, reached=self.said.append)

    def later(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.loop.after(0, lambda: None)
        self.loop.turn()


def test_frozen_is_said_when_it_is_so_and_no_sooner() -> None:
    bench = Bench()
    bench.freezer.slow = 3
    bench.frost.freeze()
    bench.later()
    assert (bench.said, bench.frost.frozen) == ([], False)
    bench.later()

    assert (bench.said, bench.frost.frozen) == ([True], True)
    bench.later()
    assert bench.freezer.asked == ["freeze"] * 3


def test_each_request_is_answered() -> None:
    bench = Bench()
    for _ in range(2):
        bench.frost.freeze()
    for _ in range(2):
        bench.frost.thaw()

    assert bench.said == [True, True, False, False]
    assert bench.freezer.asked == ["freeze", "freeze", "thaw"]


def test_a_freeze_that_was_taken_back_is_given_up() -> None:
    bench = Bench()
    bench.freezer.slow = 100
    bench.frost.freeze()
    bench.freezer.slow = 0
    bench.frost.thaw()
    bench.later()

    assert bench.said == [False]
    assert bench.freezer.asked == ["freeze", "thaw"]


def test_what_was_never_frozen_is_not_touched() -> None:
    bench = Bench()
    bench.frost.thaw()
    bench.frost.end()

    assert bench.said == [False]
    assert bench.freezer.asked == []


def test_what_is_being_ended_goes_on_and_nobody_is_told() -> None:
    bench = Bench()
    bench.frost.freeze()
    bench.freezer.slow = 2
    bench.frost.end()
    assert not bench.frost.frozen
    bench.later()

    assert bench.said == [True]
    assert bench.freezer.asked == ["freeze", "thaw", "thaw"]


def test_it_is_tried_again_less_and_less_often_but_at_least_each_second() -> None:
    bench = Bench()
    bench.freezer.slow = 1_000
    bench.frost.freeze()
    for _ in range(20):
        bench.later(1.0)

    assert len(bench.freezer.asked) == 21
