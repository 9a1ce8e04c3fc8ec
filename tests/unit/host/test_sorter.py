"""Lines of standard output find their streams, wherever a read cuts them."""

import re
from itertools import groupby, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farhand_agent.host.masker import Masker
from farhand_agent.host.sorter import HELD_MOST, Sorter
from farhand_wire.spool import Kind

WORDS = {"debug": Kind.DEBUG, "error": Kind.ERROR, "verbose": Kind.VERBOSE, "warning": Kind.WARNING}


def expected(data: bytes) -> list[tuple[Kind, bytes]]:
    """Line by line, as simply as can be."""
    found = []
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        kind = Kind.OUTPUT
        for word, stream in WORDS.items():
            for spelled in (word, word.upper(), word.capitalize()):
                if line.startswith(f"{spelled}:".encode()):
                    kind = stream
        found.append((kind, line))
    return merged(found)


def merged(runs: list[tuple[Kind, bytes]]) -> list[tuple[Kind, bytes]]:
    return [
        (kind, b"".join(data for _, data in group))
        for kind, group in groupby(runs, key=lambda run: run[0])
    ]


def sorted_in(pieces: list[bytes]) -> list[tuple[Kind, bytes]]:
    sorter = Sorter()
    runs = [run for piece in pieces for run in sorter.sort(piece)]
    assert sorter.held <= HELD_MOST
    return merged([*runs, *sorter.rest()])


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.capitalize])
def test_a_prefix_picks_the_stream_of_its_line(word: str, spell: object) -> None:
    assert callable(spell)
    line = f"{spell(word)}: look out\n".encode()

    assert sorted_in([b"before\n", line, b"after\n"]) == [
        (Kind.OUTPUT, b"before\n"),
        (WORDS[word], line),
        (Kind.OUTPUT, b"after\n"),
    ]


@pytest.mark.parametrize(
    "line", [b"eRROR: x\n", b" ERROR: x\n", b"an ERROR: x\n", b"ERRORS: x\n", b"ERROR x\n"]
)
def test_nothing_else_is_a_prefix(line: bytes) -> None:
    assert sorted_in([line]) == [(Kind.OUTPUT, line)]


def test_a_line_without_an_end_is_sorted_as_well() -> None:
    assert sorted_in([b"VERBOSE: going on"]) == [(Kind.VERBOSE, b"VERBOSE: going on")]
    assert sorted_in([b"WARN"]) == [(Kind.OUTPUT, b"WARN")]


def test_what_cannot_be_a_prefix_is_not_held_back() -> None:
    sorter = Sorter()

    assert sorter.sort(b"Password: ") == [(Kind.OUTPUT, b"Password: ")]
    assert sorter.sort(b"WARN") == [(Kind.OUTPUT, b"WARN")], "it stands within a line"
    assert sorter.sort(b"\nWARN") == [(Kind.OUTPUT, b"\n")]
    assert sorter.sort(b"ED\n") == [(Kind.OUTPUT, b"WARNED\n")]


PIECES = st.sampled_from(
    [
        *(b"WARNING:", b"warning:", b"Error:", b"DEBUG:", b"verbose:", b"W", b"ERR", b"OR:", b"E:"),
        *(b"\n", b"\r\n", b" ", b"x", b": ", b"\xff\x00", b"a line\n"),
    ]
)


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 200), max_size=8))
@example([b"\n", b"WARNING:", b"x", b"\n"], [1, 2, 3, 4, 5, 6, 7, 8])
def test_wherever_a_read_cuts_it_is_the_same(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(places)]

    runs = sorted_in(pieces)
    assert runs == expected(data)
    assert b"".join(chunk for _, chunk in runs) == data


@given(st.lists(PIECES, max_size=12))
def test_byte_by_byte_it_is_the_same(parts: list[bytes]) -> None:
    data = b"".join(parts)

    assert sorted_in([data[n : n + 1] for n in range(len(data))]) == expected(data)


SECRET = "s3cret WARNING: x"
RAW = SECRET.encode()
SAID = PIECES | st.sampled_from([RAW, RAW[:7], RAW[7:], RAW.hex().encode()])


@given(st.lists(SAID, max_size=20), st.lists(st.integers(0, 300), max_size=8))
def test_what_is_masked_on_the_way_finds_its_stream_wherever_a_read_cuts_it(
    parts: list[bytes], cuts: list[int]
) -> None:
    """As a pump does it: masked first, then sorted."""
    data = b"".join(parts)
    masker = Masker()
    masker.add(SECRET)
    whole, piecewise = masker.pipe(), masker.pipe()
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [piecewise.mask(data[a:b]) for a, b in pairwise(places)]

    runs = sorted_in([*pieces, piecewise.rest()])
    assert runs == expected(whole.mask(data) + whole.rest())
    assert RAW not in b"".join(chunk for _, chunk in runs)
