"""Reading a job's output from any place: nothing is missing, nothing comes twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.stored_output import Part, StoredOutput, packed

from farhand_server.model.output import Missing, SpoolId
from farhand_server.rpc.output import READ_BYTES, Gap, Item, Reader, Record, Wanted
from farhand_server.rpc.tail import tail_offset
from farhand_wire import limits
from farhand_wire import spool as spools
from farhand_wire.spool import Exit, Kind, Omitted

OUT, ERR = Kind.OUTPUT, Kind.ERROR
RAW, TEXT = Wanted(raw=True), Wanted()
HEADER = spools.HEADER.size

PARTS = st.lists(
    st.tuples(
        st.sampled_from([OUT, ERR]),
        st.binary(max_size=20) | st.sampled_from([b"\n", b"a\n", "ü€😀".encode(), b"\xff"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredOutput]:
    stored = StoredOutput(Path(tmp_path_factory.mktemp("output")))
    yield stored
    stored.close()


async def read(
    output: StoredOutput, spool: SpoolId, wanted: Wanted = RAW, offset: int = 0
) -> list[Item]:
    reader = Reader(output.backend, spool.job, wanted, offset=offset)
    return [item async for item in reader.drain(ended=True)]


def content(items: list[Item], kind: Kind | None = None) -> bytes:
    """The bytes of raw records, of one stream or of all."""
    records = [item for item in items if isinstance(item, Record)]
    return b"".join(
        record.content
        for record in records
        if isinstance(record.content, bytes) and kind in (None, record.stream)
    )


def text(items: list[Item], kind: Kind) -> str:
    records = [item for item in items if isinstance(item, Record) and item.stream is kind]
    return "".join(str(record.content) for record in records)


def written(parts: list[Part], kind: Kind) -> bytes:
    return b"".join(data for stream, data in parts if stream is kind)


@settings(deadline=None)
@given(PARTS, st.integers(1, 4))
async def test_raw_bytes_are_those_that_were_written(
    output: StoredOutput, parts: list[Part], together: int
) -> None:
    spool = output.write(packed(parts), together=together)

    items = await read(output, spool)

    assert content(items) == b"".join(data for _, data in parts)
    assert content(items, ERR) == written(parts, ERR)


@settings(deadline=None)
@given(PARTS)
async def test_text_is_utf8_however_it_was_cut(output: StoredOutput, parts: list[Part]) -> None:
    spool = output.write(packed(parts))

    items = await read(output, spool, TEXT)

    for kind in (OUT, ERR):
        assert text(items, kind) == written(parts, kind).decode(errors="replace")


@settings(deadline=None)
@given(PARTS, st.data())
async def test_a_reader_comes_back_where_a_record_ended(
    output: StoredOutput, parts: list[Part], data: st.DataObject
) -> None:
    spool = output.write(packed(parts))
    items = [item for item in await read(output, spool) if isinstance(item, Record)]
    seen = data.draw(st.integers(0, len(items)))
    place = items[seen - 1].next if seen else 0

    rest = await read(output, spool, offset=place)

    assert content([*items[:seen]]) + content(rest) == content([*items])


async def test_a_cut_character_is_read_again_by_who_comes_back(output: StoredOutput) -> None:
    whole = "€".encode()
    spool = output.write(packed([(OUT, b"a" + whole[:1])]))
    first = [item async for item in Reader(output.backend, spool.job, TEXT).drain()]
    output.append(spool, packed([(OUT, whole[1:] + b"b")]))

    assert isinstance(first[0], Record)
    assert first[0].content == "a"
    assert text(await read(output, spool, TEXT, offset=first[0].next), OUT) == "€b"


@pytest.mark.parametrize("inside", range(HEADER + 6))
async def test_a_place_inside_an_entry_gives_the_rest_of_it(
    output: StoredOutput, inside: int
) -> None:
    spool = output.write(packed([(OUT, b"01234")]))

    items = await read(output, spool, offset=inside)

    assert content(items) == b"01234"[max(0, inside - HEADER) :]


async def test_adjacent_entries_of_a_stream_are_one_record(output: StoredOutput) -> None:
    spool = output.write(packed([(OUT, b"a"), (OUT, b"b"), (ERR, b"c"), (OUT, b"d")]))

    items = await read(output, spool)

    assert [item.content for item in items if isinstance(item, Record)] == [b"ab", b"c", b"d"]
    assert [item.stream for item in items if isinstance(item, Record)] == [OUT, ERR, OUT]


async def test_records_are_bounded(output: StoredOutput) -> None:
    parts: list[Part] = [(OUT, b"x" * spools.PAYLOAD_BYTES)] * 10
    spool = output.write(packed(parts))

    sizes = [len(item.content) for item in await read(output, spool) if isinstance(item, Record)]

    assert sum(sizes) == 10 * spools.PAYLOAD_BYTES
    assert max(sizes) <= READ_BYTES


async def test_only_the_wanted_streams_are_shown(output: StoredOutput) -> None:
    spool = output.write(packed([(OUT, b"a"), (ERR, b"b"), (OUT, b"c")]))

    items = await read(output, spool, Wanted(raw=True, streams=frozenset({ERR})))

    assert content(items) == b"b"


async def test_gaps_are_told_and_the_exit_is_not_shown(output: StoredOutput) -> None:
    gap = Omitted(stream=OUT, start=10, end=20, reason="the disk was full")
    entries = [
        spools.pack(OUT, 0, b"a"),
        spools.pack_omitted(gap, 1),
        spools.pack(OUT, 2, b"b"),
        spools.pack_exit(Exit(code=0), 3),
    ]
    spool = output.write(entries)

    items = await read(output, spool)

    assert [type(item) for item in items] == [Record, Gap, Record]
    expected = Gap(missing=Missing.of(gap), attempt=1, next=len(entries[0] + entries[1]))
    assert items[1] == expected


async def test_times_count_from_the_first_byte(output: StoredOutput) -> None:
    spool = output.write([spools.pack(OUT, 0, b"a"), spools.pack(ERR, 1_500, b"b")])

    first, second = [item for item in await read(output, spool) if isinstance(item, Record)]

    assert second.time - first.time == 1_500
    assert first.time == output.queries.extent(spool).opened


def lines_of(parts: list[Part], kinds: set[Kind]) -> list[bytes]:
    return b"".join(data for kind, data in parts if kind in kinds).splitlines(keepends=True)


TEXTS = st.lists(
    st.tuples(st.sampled_from([OUT, ERR]), st.sampled_from([b"", b"x", b"\n", b"a\nb\n", b"c\nd"])),
    max_size=15,
)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 6), st.sampled_from([{OUT, ERR}, {OUT}, {ERR}]))
async def test_the_tail_is_exact(
    output: StoredOutput, parts: list[Part], lines: int, kinds: set[Kind]
) -> None:
    spool = output.write(packed(parts))
    wanted = Wanted(raw=True, streams=frozenset(kinds))

    offset = await tail_offset(output.backend, spool, wanted, lines)

    shown = content(await read(output, spool, wanted, offset))
    assert shown == b"".join(lines_of(parts, kinds)[-lines:])


# --- numbers of records ---------------------------------------------------------------------


def records(items: list[Item]) -> list[Record]:
    return [item for item in items if isinstance(item, Record)]


@settings(deadline=None)
@given(PARTS, st.integers(1, 4), st.booleans())
async def test_every_record_has_its_number_however_it_arrived(
    output: StoredOutput, parts: list[Part], together: int, raw: bool
) -> None:
    spool = output.write(packed(parts), together=together)

    found = records(await read(output, spool, Wanted(raw=raw, records=True)))

    numbered = found if raw else [record for record in found if record.count]
    assert [record.sequence for record in numbered] == list(range(len(parts)))
    assert [record.stream for record in numbered] == [kind for kind, _ in parts]
    if raw:
        assert [record.content for record in found] == [data for _, data in parts]


@settings(deadline=None)
@given(PARTS, st.data())
async def test_a_record_has_the_same_number_for_whoever_reads_it(
    output: StoredOutput, parts: list[Part], data: st.DataObject
) -> None:
    spool = output.write(packed(parts))
    everything = records(await read(output, spool, Wanted(raw=True, records=True)))
    known = {record.next: record.sequence for record in everything}
    kind = frozenset({data.draw(st.sampled_from([OUT, ERR]))})
    lines = data.draw(st.integers(1, 3))
    offset = await tail_offset(output.backend, spool, Wanted(raw=True, streams=kind), lines)

    tail = await read(output, spool, Wanted(raw=True, streams=kind, records=True), offset)
    for record in records(tail):
        assert record.sequence == known[record.next]
    for record in records(await read(output, spool)):
        ends = {known_.sequence: known_.next for known_ in everything}
        assert record.sequence is not None
        assert ends[record.sequence + record.count - 1] == record.next


@settings(deadline=None)
@given(PARTS, st.integers(0, 14), st.integers(1, 4))
async def test_reading_begins_with_any_record(
    output: StoredOutput, parts: list[Part], first: int, together: int
) -> None:
    spool = output.write(packed(parts), together=together)
    offset = output.queries.numbered(spool, first)
    assert offset is not None

    found = records(await read(output, spool, Wanted(raw=True, records=True, first=first), offset))

    assert [(record.sequence, record.content) for record in found] == [
        (number, data) for number, (_, data) in enumerate(parts) if number >= first
    ]


async def test_a_record_that_is_not_stored_yet_is_waited_for(output: StoredOutput) -> None:
    spool = output.write(packed([(OUT, b"a"), (OUT, b"b")]))
    wanted = Wanted(raw=True, records=True, first=3)
    offset = output.queries.numbered(spool, 3) or 0
    reader = Reader(output.backend, spool.job, wanted, offset=offset)
    assert [item async for item in reader.drain()] == []
    output.append(spool, packed([(ERR, b"c"), (OUT, b"d"), (OUT, b"e")]))

    found = records([item async for item in reader.drain()])
    assert [(record.sequence, record.content) for record in found] == [(3, b"d"), (4, b"e")]


async def test_what_is_no_record_is_not_counted(output: StoredOutput) -> None:
    gap = Omitted(stream=OUT, start=10, end=20, reason="the disk was full")
    entries = [
        spools.pack(OUT, 0, b"a"),
        spools.pack_omitted(gap, 1),
        spools.pack(OUT, 2, b"b"),
        spools.pack_exit(Exit(code=0), 3),
    ]
    spool = output.write(entries, together=1)

    assert [record.sequence for record in records(await read(output, spool))] == [0, 1]
    assert output.queries.extent(spool).records == 2


async def test_what_was_left_out_keeps_its_numbers(tmp_path: Path) -> None:
    stored = StoredOutput(tmp_path, output_max=limits.OUTPUT_MAX_BYTES_LEAST)
    large = spools.PAYLOAD_BYTES
    parts: list[Part] = [(OUT, bytes([number]) * large) for number in range(40)]
    spool = stored.write(packed(parts), together=1)

    found = records(await read(stored, spool, Wanted(raw=True, records=True)))
    numbers = [record.sequence for record in found]
    assert numbers[0] == 0
    assert numbers[-1] == 39
    assert len(numbers) < 40
    assert all(record.content[:1] == bytes([record.sequence or 0]) for record in found)
    middle = stored.queries.numbered(spool, 20)
    again = records(
        await read(stored, spool, Wanted(raw=True, records=True, first=20), middle or 0)
    )
    assert [record.sequence for record in again] == [n for n in numbers if (n or 0) >= 20]
    stored.close()
