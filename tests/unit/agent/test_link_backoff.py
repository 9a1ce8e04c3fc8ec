"""How long an agent waits before it connects again."""

from hypothesis import given
from hypothesis import strategies as st

from farhand_agent.link.backoff import Ended, delay_seconds, next_failures
from farhand_wire import limits


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_delay_is_somewhere_in_a_window_that_doubles_up_to_a_minute(
    failures: int, chance: float
) -> None:
    delay = delay_seconds(failures, Ended(), lambda: chance)
    window = min(2 ** min(failures - 1, 10), limits.RECONNECT_CAP_SECONDS)

    assert delay == window * chance


def test_what_the_server_wishes_comes_first_and_is_spread() -> None:
    ended = Ended(retry_after_seconds=10.0)

    assert delay_seconds(5, ended, lambda: 0.0) == 10.0
    assert delay_seconds(5, ended, lambda: 0.5) == 15.0


def test_an_attempt_that_must_be_told_at_once_is_told_at_once() -> None:
    assert delay_seconds(1, Ended(retry_after_seconds=0.0), lambda: 1.0) == 0.0


def test_a_clone_asks_slowly() -> None:
    assert delay_seconds(1, Ended(conflict=True), lambda: 0.0) == limits.RECONNECT_CAP_SECONDS


def test_only_a_good_stream_makes_the_next_failure_the_first_one() -> None:
    assert next_failures(4, Ended(up_seconds=59.0)) == 5
    assert next_failures(4, Ended(up_seconds=60.0)) == 1
    assert next_failures(4, Ended()) == 5
