"""The cache of chunks tells the truth or that it does not know it."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.samples import job_id

from farhand_server.engine.cache import SPOOL_BYTES, SPOOLS, ChunkCache
from farhand_server.model.output import Chunk, Extent, SpoolId

SPOOL = SpoolId(job=job_id(1), attempt=1)


def chunk(offset: int, data: bytes) -> Chunk:
    return Chunk(offset=offset, lines_before=0, data=data)


def filled(sizes: list[int]) -> tuple[ChunkCache, bytes]:
    """A spool written in pieces of these sizes."""
    cache, data = ChunkCache(), b""
    for number, size in enumerate(sizes):
        piece = bytes([number % 251]) * size
        extent = Extent(stored=len(data) + size)
        cache.add(SPOOL, [chunk(len(data), piece)], extent)
        data += piece
    return cache, data


@given(
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=30),
    share=st.floats(0, 1),
    most=st.integers(1, 200_000),
)
def test_what_it_gives_is_what_was_stored(sizes: list[int], share: float, most: int) -> None:
    cache, data = filled(sizes)
    offset = int(share * len(data))
    chunks = cache.read(SPOOL, offset, most)

    if chunks is None:
        assert offset < len(data) - SPOOL_BYTES + max(sizes)
        return
    found = b"".join(each.data for each in chunks)
    if offset == len(data):
        assert found == b""
        return
    start = chunks[0].offset
    assert start <= offset < chunks[0].end
    assert data[start:].startswith(found)
    assert len(found) >= min(most, len(data) - start)


@given(sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=30))
def test_the_newest_bytes_are_always_there_and_not_much_more(sizes: list[int]) -> None:
    cache, data = filled(sizes)
    recent = max(0, len(data) - SPOOL_BYTES)

    assert cache.read(SPOOL, recent, 1) is not None
    assert cache.read(SPOOL, len(data), 1) == []
    held = cache.read(SPOOL, recent, 1 << 40)
    assert held is not None
    assert sum(len(each.data) for each in held) <= SPOOL_BYTES + max(sizes)


def test_it_knows_how_much_is_stored() -> None:
    cache, data = filled([10, 20])
    extent = cache.extent(SPOOL)

    assert extent is not None
    assert extent.stored == len(data)
    assert cache.extent(SpoolId(job=job_id(2), attempt=1)) is None


def test_an_unknown_spool_and_an_unknown_offset_are_not_known() -> None:
    cache, data = filled([10])

    assert cache.read(SpoolId(job=job_id(2), attempt=1), 0, 10) is None
    assert cache.read(SPOOL, len(data) + 1, 10) is None


def test_a_gap_forgets_what_was_before_it() -> None:
    cache, data = filled([10])
    cache.add(SPOOL, [chunk(50, b"later")], Extent(stored=55))

    assert cache.read(SPOOL, 0, 10) is None
    assert cache.read(SPOOL, 50, 10) == [chunk(50, b"later")]
    assert len(data) == 10


def test_nothing_new_changes_nothing() -> None:
    cache, data = filled([10])
    cache.add(SPOOL, [], Extent(stored=10))

    assert cache.read(SPOOL, 0, 100) == [chunk(0, data)]


def test_only_the_spools_that_moved_last_are_kept() -> None:
    cache = ChunkCache()
    spools = [SpoolId(job=job_id(number), attempt=1) for number in range(SPOOLS + 1)]
    for spool in spools:
        cache.add(spool, [chunk(0, b"x")], Extent(stored=1))
        if spool is not spools[0]:
            continue
    cache.add(spools[1], [chunk(1, b"y")], Extent(stored=2))
    cache.add(SPOOL, [chunk(0, b"z")], Extent(stored=1))

    assert cache.read(spools[0], 0, 1) is None
    assert cache.extent(spools[0]) is None
    assert cache.read(spools[1], 0, 2) is not None
