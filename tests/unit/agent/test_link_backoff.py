"""How long an agent waits before it connects again."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from farhand_agent.link.backoff import GOOD_BYTES, Ended, delay_seconds, next_failures
from farhand_wire import limits

chances = st.floats(0, 1)
little = st.integers(0, GOOD_BYTES - 1)
#: Nobody was let in, or whoever was let in was refused again.
bad_ends = st.one_of(
    st.builds(Ended, carried_bytes=little, refused=st.booleans()),
    st.builds(Ended, up_seconds=st.floats(0, 59.9), carried_bytes=little, refused=st.just(True)),
)
#: Sessions that stood, and not for long.
cut_short = st.builds(Ended, up_seconds=st.floats(0, 59.9), carried_bytes=little)
good_ends = st.one_of(
    st.builds(Ended, up_seconds=st.floats(60, 1e9)),
    st.builds(Ended, up_seconds=st.floats(0, 1e9), carried_bytes=st.integers(GOOD_BYTES, 2**50)),
)


def after(ends: list[Ended]) -> int:
    """Failures in a row behind all of these."""
    failures = 0
    for ended in ends:
        failures = next_failures(failures, ended)
    return failures


@given(st.integers(1, 10_000), chances)
def test_a_delay_is_somewhere_in_a_window_that_doubles_up_to_a_minute(
    failures: int, chance: float
) -> None:
    delay = delay_seconds(failures, Ended(), lambda: chance)
    window = min(2 ** min(failures - 1, 10), limits.RECONNECT_CAP_SECONDS)

    assert delay == window * chance


@given(st.lists(bad_ends, min_size=1, max_size=40))
def test_the_window_never_shrinks_while_nothing_gets_better_and_ends_at_the_cap(
    ends: list[Ended],
) -> None:
    windows = [
        delay_seconds(after(ends[:count]), ends[count - 1], lambda: 1.0)
        for count in range(1, len(ends) + 1)
    ]

    assert windows[0] == limits.RECONNECT_BASE_SECONDS
    assert all(one <= other for one, other in pairwise(windows))
    assert max(windows) <= limits.RECONNECT_CAP_SECONDS
    if len(ends) >= 7:
        assert windows[-1] == limits.RECONNECT_CAP_SECONDS


@given(st.lists(bad_ends | cut_short, max_size=40), st.lists(cut_short, min_size=1, max_size=40))
def test_faults_that_follow_each_other_do_not_outlast_the_lease(
    before: list[Ended], cut: list[Ended]
) -> None:
    """Whatever was before: who is welcomed again and again is never missed, though it may take two
    heartbeats until it notices, and two more dials until it is let in."""
    failures = after([*before, *cut])
    dials = [delay_seconds(failures + more, Ended(), lambda: 1.0) for more in range(2)]

    assert dials[0] <= 4.0
    assert 2 * limits.HEARTBEAT_SECONDS + sum(dials) < limits.LEASE_SECONDS


@given(st.lists(cut_short, min_size=10, max_size=40))
def test_a_server_that_fails_whenever_it_has_welcomed_gives_time_to_itself(
    ends: list[Ended],
) -> None:
    spread = [delay_seconds(after(ends[:count]), ends[0], lambda: 1.0) for count in (1, 2, 3, 10)]

    assert spread == [1.0, 2.0, 4.0, 4.0]


@given(st.lists(bad_ends | cut_short | good_ends), good_ends, chances)
def test_after_a_good_stream_the_next_one_comes_within_a_second(
    before: list[Ended], good: Ended, chance: float
) -> None:
    failures = after([*before, good])

    assert failures == 1
    assert delay_seconds(failures, good, lambda: chance) <= limits.RECONNECT_BASE_SECONDS


@given(st.integers(1, 1_000), st.floats(0, 3_600), chances)
def test_what_the_server_wishes_comes_first_and_is_spread_over_as_long_again(
    failures: int, wish: float, chance: float
) -> None:
    delay = delay_seconds(failures, Ended(retry_after_seconds=wish), lambda: chance)

    assert wish <= delay <= 2 * wish


def test_two_agents_that_lost_the_same_server_do_not_come_back_in_step() -> None:
    wish = Ended(retry_after_seconds=10.0)

    assert delay_seconds(5, wish, lambda: 0.0) == 10.0
    assert delay_seconds(5, wish, lambda: 0.5) == 15.0


def test_an_agent_that_was_told_to_come_at_once_comes_at_once() -> None:
    assert delay_seconds(1, Ended(retry_after_seconds=0.0), lambda: 1.0) == 0.0


def test_a_clone_asks_slowly() -> None:
    assert delay_seconds(1, Ended(held_up=True), lambda: 0.0) == limits.RECONNECT_CAP_SECONDS


def test_only_a_good_stream_makes_the_next_failure_the_first_one() -> None:
    assert next_failures(4, Ended(up_seconds=59.0)) == 3
    assert next_failures(1, Ended(up_seconds=0.0)) == 2
    assert next_failures(4, Ended(up_seconds=59.0, refused=True)) == 5
    assert next_failures(4, Ended(up_seconds=60.0)) == 1
    assert next_failures(4, Ended()) == 5
    assert next_failures(4, Ended(carried_bytes=GOOD_BYTES - 1)) == 5
    assert next_failures(4, Ended(carried_bytes=GOOD_BYTES)) == 1
