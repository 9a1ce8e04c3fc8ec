"""A spool that grows too long: its beginning and its end stay, and it is known what does not."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.audience import Audience
from tests.support.memory_output import MemoryOutputStore
from tests.support.samples import job_id
from tests.support.world.clock import WorldClock

from farhand_server.core.output import Keeping
from farhand_server.engine.ports import OutputStore
from farhand_server.engine.writer import Append, Ledger
from farhand_server.model.identifiers import SessionId
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_server.store.sqlite import SqliteOutputStore, SqliteQueries
from farhand_wire import limits
from farhand_wire import spool as spools

SPOOL = SpoolId(job=job_id(1), attempt=1)
SESSION = SessionId("s")

#: Sizes of entries, some of them in each frame.
sizes = st.lists(
    st.lists(st.integers(0, 300) | st.sampled_from([spools.PAYLOAD_BYTES]), min_size=1, max_size=4),
    min_size=1,
    max_size=40,
)
fast = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Kept:
    """One store, and what is read from it."""

    def __init__(self, store: OutputStore, queries: SqliteQueries | None) -> None:
        self.store = store
        self._queries = queries

    def ledger(self, output_max: int) -> Ledger:
        return Ledger(
            store=self.store, clock=WorldClock(), audience=Audience(), output_max=output_max
        )

    def chunks(self, spool: SpoolId) -> Sequence[Chunk]:
        if isinstance(self.store, MemoryOutputStore):
            return self.store.committed_chunks(spool)
        assert self._queries is not None
        return self._queries.chunks(spool, 0, 1 << 62)


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, data: Path) -> Iterator[Kept]:
    if request.param == "memory":
        yield Kept(MemoryOutputStore(), None)
        return
    queries = SqliteQueries(data / "farhand.db", data / "output.db")
    with closing(SqliteOutputStore(data / "output.db")) as store:
        yield Kept(store, queries)


def write(ledger: Ledger, spool: SpoolId, data: bytes, frame: bytes) -> None:
    item = Append(session=SESSION, spool=spool, offset=len(data), data=frame)
    ledger.write([item], idle=False)


spool_numbers = iter(range(1, 1 << 30))


@fast
@given(sizes=sizes, output_max=st.integers(1, 300_000))
def test_the_beginning_and_the_end_stay_and_the_rest_is_one_range(
    kept: Kept, sizes: list[list[int]], output_max: int
) -> None:
    spool = SpoolId(job=job_id(next(spool_numbers)), attempt=1)
    ledger, keeping = kept.ledger(output_max), Keeping.most(output_max)
    data, before = b"", Extent()
    for number, entries in enumerate(sizes):
        frame = b"".join(spools.pack(spools.Kind.OUTPUT, number, bytes(n)) for n in entries)
        write(ledger, spool, data, frame)
        data += frame
        extent = kept.store.extent(spool)
        gone = (extent.omitted_from, extent.omitted_to)
        chunks = kept.chunks(spool)

        assert (extent.stored, extent.crc) == (len(data), zlib.crc32(data))
        assert b"".join(chunk.data for chunk in chunks) == data[: gone[0]] + data[gone[1] :]
        assert extent.kept <= output_max + 2 * limits.SPOOL_ENTRY_BYTES
        if gone[1]:
            assert keeping.head - limits.SPOOL_ENTRY_BYTES < gone[0] <= keeping.head
            assert gone[0] < gone[1]
            assert len(data) - gone[1] >= keeping.tail
            assert not before.omitted_to or before.omitted_from == gone[0]
            assert before.omitted_to <= gone[1]
        before = extent


def test_what_fits_stays_whole(kept: Kept) -> None:
    frame = spools.pack(spools.Kind.OUTPUT, 0, b"x" * 88)
    ledger, data = kept.ledger(1000), b""
    for _ in range(10):
        write(ledger, SPOOL, data, frame)
        data += frame
    assert kept.store.extent(SPOOL).omitted_to == 0

    write(ledger, SPOOL, data, frame)
    extent = kept.store.extent(SPOOL)
    assert (extent.omitted_from, extent.omitted_to) == (700, 800)
    assert [chunk.offset for chunk in kept.chunks(SPOOL)] == [*range(0, 700, 100), 800, 900, 1000]


def test_another_limit_after_a_restart_moves_the_end_alone(kept: Kept) -> None:
    frame = spools.pack(spools.Kind.OUTPUT, 0, b"x" * 88)
    data = b""
    for output_max in (2000, 400, 4000):
        ledger = kept.ledger(output_max)
        for _ in range(30):
            write(ledger, SPOOL, data, frame)
            data += frame
        extent = kept.store.extent(SPOOL)
        held = b"".join(chunk.data for chunk in kept.chunks(SPOOL))

        assert extent.omitted_from == 1500
        assert extent.stored - extent.omitted_to >= output_max // 4
        assert held == data[:1500] + data[extent.omitted_to :]


def test_a_job_that_writes_for_ever_takes_no_more_room(data: Path) -> None:
    output_max = 2 * 1024 * 1024
    frame = b"".join(spools.pack(spools.Kind.OUTPUT, 0, b"x" * 60_000) for _ in range(4))
    with closing(SqliteOutputStore(data / "output.db")) as store:
        ledger = Kept(store, None).ledger(output_max)
        sizes, offset = [], 0
        for number in range(400):
            item = Append(session=SESSION, spool=SPOOL, offset=offset, data=frame)
            ledger.write([item], idle=number % 8 == 0)
            offset += len(frame)
            sizes.append((data / "output.db").stat().st_size)

    assert offset > 40 * output_max
    assert max(sizes) < 1.5 * output_max
    assert (data / "output.db").stat().st_size < 1.5 * output_max


def test_an_overlap_with_what_was_left_out_is_dropped_unread(kept: Kept) -> None:
    frame = spools.pack(spools.Kind.OUTPUT, 0, b"x" * 88)
    audience = Audience()
    ledger = Ledger(store=kept.store, clock=WorldClock(), audience=audience, output_max=400)
    for number in range(20):
        item = Append(session=SESSION, spool=SPOOL, offset=100 * number, data=frame)
        ledger.write([item], idle=False)
    other = spools.pack(spools.Kind.OUTPUT, 0, b"y" * 88)
    for offset, problems in ((1000, 0), (1900, 1), (100, 2)):
        item = Append(session=SESSION, spool=SPOOL, offset=offset, data=other)
        ledger.write([item], idle=False)

        assert len(audience.problems) == problems
    assert kept.store.extent(SPOOL).stored == 2000
