"""When an agent believes that a proxy bounds the size of its streams."""

import pytest

from farhand_agent.link.ceiling import Ceiling

MIB = 1024 * 1024


def explained(*ends: int) -> list[bool]:
    ceiling = Ceiling()
    return [ceiling.explains(sent) for sent in ends]


def test_three_streams_that_break_off_after_as_much_are_no_accident() -> None:
    assert explained(MIB, MIB + 30_000, MIB - 200_000, MIB) == [False, False, True, True]


@pytest.mark.parametrize(
    "ends",
    [
        (MIB, 3 * MIB, MIB),
        (500, 500, 500),
        (MIB, MIB, 40_000),
        (40_000, MIB, 2 * MIB),
    ],
)
def test_other_ends_are(ends: tuple[int, ...]) -> None:
    assert not any(explained(*ends))


def test_one_that_is_different_makes_it_look_again() -> None:
    assert explained(MIB, MIB, MIB, 5 * MIB, MIB, MIB, MIB)[3:] == [False, False, False, True]


def test_it_is_told_once_with_the_size_and_what_to_do() -> None:
    ceiling = Ceiling()
    for _ in range(3):
        ceiling.explains(MIB)

    words = ceiling.words()
    assert "after about 1.0 MiB" in words
    assert "client_max_body_size 0" in words
    assert ceiling.words() == ""
