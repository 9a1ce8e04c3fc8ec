"""Reading output of which the middle was left out, or is gone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.stored_output import Part, StoredOutput, packed

from farhand_server.model.output import DAMAGED, LEFT_OUT, LOST, SpoolId
from farhand_server.rpc.output import Gap, Item, Reader, Wanted
from farhand_server.rpc.tail import tail_offset
from farhand_server.store.sqlite.connection import open_output
from farhand_wire import spool as spools
from farhand_wire.spool import Kind

OUT, ERR = Kind.OUTPUT, Kind.ERROR
RAW, TEXT = Wanted(raw=True), Wanted()
#: Entries of 100 bytes, header included: "line 00000007 …\n".
ENTRY = 100
OUTPUT_MAX = 1000
HEAD, TAIL = 700, 200


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredOutput]:
    stored = StoredOutput(Path(tmp_path_factory.mktemp("output")), output_max=OUTPUT_MAX)
    yield stored
    stored.close()


def line(number: int) -> bytes:
    return f"line {number:08} ".encode().ljust(ENTRY - spools.HEADER.size - 1, b".") + b"\n"


def lines(start: int, end: int) -> list[Part]:
    return [(OUT, line(number)) for number in range(start, end)]


async def read(
    output: StoredOutput, spool: SpoolId, wanted: Wanted = RAW, offset: int = 0
) -> list[Item]:
    reader = Reader(output.backend, spool.job, wanted, offset=offset)
    return [item async for item in reader.drain(ended=True)]


def shown(items: list[Item]) -> list[bytes | str | tuple[int, int]]:
    """What was read, and the ranges that were missing, in order."""
    seen: list[bytes | str | tuple[int, int]] = []
    for item in items:
        if isinstance(item, Gap):
            seen.append((item.missing.start, item.missing.end))
        elif seen and isinstance(seen[-1], type(item.content)):
            seen[-1] += item.content  # type: ignore[operator]
        else:
            seen.append(item.content)
    return seen


def text_of(parts: list[Part]) -> bytes:
    return b"".join(data for _, data in parts)


async def test_what_was_left_out_is_told_once_and_reading_goes_on(output: StoredOutput) -> None:
    spool = output.write(packed(lines(0, 50)), together=1)

    items = await read(output, spool)

    gap = next(item for item in items if isinstance(item, Gap))
    assert shown(items) == [text_of(lines(0, 7)), (700, 4700), text_of(lines(47, 50))]
    assert (gap.missing.reason, gap.missing.stream, gap.next) == (LEFT_OUT, None, 4700)


async def test_a_reader_that_comes_back_behind_the_gap_is_not_told_again(
    output: StoredOutput,
) -> None:
    spool = output.write(packed(lines(0, 50)), together=1)
    gap = next(item for item in await read(output, spool) if isinstance(item, Gap))

    assert shown(await read(output, spool, offset=gap.next)) == [text_of(lines(47, 50))]


async def test_a_place_inside_the_gap_is_told_of_the_rest_of_it(output: StoredOutput) -> None:
    spool = output.write(packed(lines(0, 50)), together=1)

    assert shown(await read(output, spool, offset=1234)) == [
        (1234, 4700),
        text_of(lines(47, 50)),
    ]


async def test_a_follower_that_falls_into_the_gap_while_it_grows_goes_on_behind_it(
    output: StoredOutput,
) -> None:
    spool = output.write(packed(lines(0, 11)), together=1)
    reader = Reader(output.backend, spool.job, RAW)
    first = [item async for item in reader.drain()]
    output.append(spool, packed(lines(11, 40)), together=1)
    second = [item async for item in reader.drain()]
    output.append(spool, packed(lines(40, 41)), together=1)
    third = [item async for item in reader.drain()]

    assert shown(first) == [text_of(lines(0, 7)), (700, 800), text_of(lines(8, 11))]
    assert shown(second) == [(1100, 3700), text_of(lines(37, 40))]
    assert shown(third) == [text_of(lines(40, 41))]


async def test_a_character_that_the_gap_cuts_is_told_before_it(output: StoredOutput) -> None:
    parts = lines(0, 6)
    parts.append((OUT, line(6)[:-2] + "ü".encode()[:1]))
    parts += lines(7, 50)
    items = await read(output, output.write(packed(parts), together=1), TEXT)

    before, gap, behind = shown(items)
    assert str(before).endswith(".\ufffd")
    assert gap == (699, 4699)
    assert behind == text_of(lines(47, 50)).decode()


async def test_streams_that_are_not_shown_do_not_hide_the_gap(output: StoredOutput) -> None:
    spool = output.write(packed(lines(0, 50)), together=1)

    items = await read(output, spool, Wanted(raw=True, streams=frozenset({ERR})))

    assert shown(items) == [(700, 4700)]


@pytest.mark.parametrize(
    ("asked", "first"), [(1, 49), (2, 48)], ids=["the last line", "two of three that are kept"]
)
async def test_the_tail_is_exact_where_it_was_kept(
    output: StoredOutput, asked: int, first: int
) -> None:
    spool = output.write(packed(lines(0, 50)), together=1)

    offset = await tail_offset(output.backend, spool, RAW, asked)

    assert shown(await read(output, spool, offset=offset)) == [text_of(lines(first, 50))]


@pytest.mark.parametrize("asked", [3, 4, 49, 50, 1000])
async def test_a_tail_that_reaches_into_the_gap_begins_with_it(
    output: StoredOutput, asked: int
) -> None:
    spool = output.write(packed(lines(0, 50)), together=1)

    offset = await tail_offset(output.backend, spool, RAW, asked)

    assert shown(await read(output, spool, offset=offset)) == [
        (700, 4700),
        text_of(lines(47, 50)),
    ]


parts = st.lists(
    st.tuples(st.sampled_from([OUT, ERR]), st.binary(max_size=300)), min_size=1, max_size=40
)


@settings(deadline=None)
@given(parts=parts, together=st.integers(1, 5), place=st.floats(0, 1))
async def test_every_byte_is_read_or_told_to_be_missing(
    output: StoredOutput, parts: list[Part], together: int, place: float
) -> None:
    entries = packed(parts)
    spool = output.write(entries, together=together)
    data = b"".join(entries)
    start = int(place * len(data))
    at, read_back, missing = start, b"", []
    for item in await read(output, spool, offset=start):
        if isinstance(item, Gap):
            missing.append((item.missing.start, item.missing.end))
        else:
            read_back += bytes(item.content)  # type: ignore[arg-type]
        assert at <= item.next
        at = item.next

    extent = output.queries.extent(spool)
    expected = b""
    for entry in spools.entries(data):
        body = range(entry.start + spools.HEADER.size, entry.end)
        kept = not extent.omits(entry.start)
        expected += bytes(data[i] for i in body if kept and i >= start)
    assert read_back == expected
    assert len(missing) == (1 if start < extent.omitted_to else 0)


async def test_what_a_damaged_database_lost_is_told_as_well(tmp_path: Path) -> None:
    stored = StoredOutput(tmp_path)
    spool = stored.write(packed(lines(0, 10)), together=1)
    with closing(open_output(stored.path)) as database:
        database.execute("DELETE FROM chunks WHERE offset IN (300, 400, 800, 900)")
    items = await read(stored, spool)
    stored.close()

    assert shown(items) == [
        text_of(lines(0, 3)),
        (300, 500),
        text_of(lines(5, 8)),
        (800, 1000),
    ]
    assert {item.missing.reason for item in items if isinstance(item, Gap)} == {LOST}


async def test_what_cannot_be_read_is_told_and_what_follows_is_read(tmp_path: Path) -> None:
    stored = StoredOutput(tmp_path)
    spool = stored.write(packed(lines(0, 9)), together=3)
    with closing(open_output(stored.path)) as database:
        (data,) = database.execute("SELECT data FROM chunks WHERE offset = 300").fetchone()
        torn = bytearray(data)
        torn[ENTRY] = 99
        database.execute("UPDATE chunks SET data = ? WHERE offset = 300", (torn,))
    items = await read(stored, spool)
    offset = await tail_offset(stored.backend, spool, RAW, 3)
    stored.close()

    gap = next(item for item in items if isinstance(item, Gap))
    assert shown(items) == [text_of(lines(0, 4)), (400, 600), text_of(lines(6, 9))]
    assert (gap.missing.reason, offset) == (DAMAGED, 400)
