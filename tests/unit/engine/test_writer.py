"""The output writer: what is stored, what is durable, and in which order it says so."""

import threading
import zlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audience import Audience
from tests.support.memory import Failure
from tests.support.memory_output import MemoryOutputStore
from tests.support.samples import job_id
from tests.support.world.clock import WorldClock

from farhand_server.core.output import (
    OTHER_BYTES,
    REFUSED_RESULTS,
    TOO_SHORT,
    TORN,
    WRONG_RESULT,
)
from farhand_server.engine.cutting import cut
from farhand_server.engine.writer import Append, Item, Ledger, OutputWriter, Remove, Seal
from farhand_server.errors import OutcomeUnknown
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.job import End
from farhand_server.model.output import Chunk, Extent, SpoolId
from farhand_wire import limits
from farhand_wire import spool as spools

SESSION = SessionId("s")
SPOOL = SpoolId(job=job_id(1), attempt=1)
ONE = spools.pack(spools.Kind.OUTPUT, 0, b"one\n")
TWO = spools.pack(spools.Kind.ERROR, 1, b"two\nthree")
EXIT = spools.pack_exit(spools.Exit(code=0), 2)


class Bench:
    """A ledger, and everybody around it."""

    def __init__(self) -> None:
        self.store = MemoryOutputStore()
        self.clock = WorldClock()
        self.audience = Audience()
        self.ledger = Ledger(store=self.store, clock=self.clock, audience=self.audience)

    def write(self, *items: Item, idle: bool = True) -> None:
        self.ledger.write(items, idle=idle)

    @property
    def stored(self) -> int:
        return self.store.committed_extent(SPOOL).stored

    @property
    def durable(self) -> int:
        return self.store.committed_extent(SPOOL).durable


@pytest.fixture
def bench() -> Bench:
    return Bench()


def append(data: bytes, offset: int = 0, spool: SpoolId = SPOOL) -> Append:
    return Append(session=SESSION, spool=spool, offset=offset, data=data)


def seal(data: bytes, *, size: int | None = None, crc: int | None = None) -> Seal:
    result = frames.Result(
        job=SPOOL.job,
        attempt=SPOOL.attempt,
        end=End(code=0),
        size=len(data) if size is None else size,
        crc=zlib.crc32(data) if crc is None else crc,
    )
    return Seal(session=SESSION, spool=SPOOL, result=result)


# --- stored, then durable -------------------------------------------------------------------


def test_stored_is_said_before_durable(bench: Bench) -> None:
    bench.write(append(ONE))

    assert bench.audience.said == ["stored", "durable"]
    assert bench.audience.news[0].extent.stored == len(ONE)
    assert bench.audience.synced[SPOOL].durable == len(ONE)


def test_nothing_is_synced_while_more_waits(bench: Bench) -> None:
    bench.write(append(ONE), idle=False)

    assert bench.audience.said == ["stored"]
    assert (bench.stored, bench.durable) == (len(ONE), 0)


def test_a_flood_is_synced_after_a_while(bench: Bench) -> None:
    bench.write(append(ONE), idle=False)
    bench.clock.ms += int(limits.OUTPUT_SYNC_SECONDS * 1000) + 1
    bench.write(append(TWO, len(ONE)), idle=False)

    assert bench.durable == len(ONE + TWO)


def test_a_flood_is_synced_after_so_many_bytes(bench: Bench) -> None:
    large = spools.pack(spools.Kind.OUTPUT, 0, b"x" * spools.PAYLOAD_BYTES)
    size = 0
    while size <= limits.OUTPUT_SYNC_BYTES:
        assert bench.durable == 0
        bench.write(append(large, size), idle=False)
        size += len(large)

    assert bench.durable == size


def test_a_result_is_synced_at_once(bench: Bench) -> None:
    bench.write(append(ONE + EXIT), seal(ONE + EXIT), idle=False)

    assert bench.audience.said == ["stored", "durable", "sealed"]
    assert bench.audience.ends[0][2].durable == len(ONE + EXIT)


def test_a_result_needs_no_sync_when_all_is_durable(bench: Bench) -> None:
    bench.write(append(ONE + EXIT))
    syncs = bench.store.syncs
    bench.write(seal(ONE + EXIT), idle=False)

    assert bench.audience.said[-1] == "sealed"
    assert bench.store.syncs == syncs


def test_an_idle_writer_syncs_once(bench: Bench) -> None:
    bench.write(append(ONE))
    syncs = bench.store.syncs
    bench.write()

    assert bench.store.syncs == syncs


def test_many_spools_are_one_commit_and_one_sync(bench: Bench) -> None:
    spools_ = [SpoolId(job=job_id(number), attempt=1) for number in range(10)]
    bench.write(*(append(ONE, spool=spool) for spool in spools_))

    assert bench.audience.said == ["stored", "durable"]
    assert set(bench.audience.synced) == set(spools_)


# --- offsets --------------------------------------------------------------------------------


def test_an_overlap_is_dropped_and_the_first_write_wins(bench: Bench) -> None:
    bench.write(append(ONE))
    bench.write(append(ONE + TWO))

    assert bench.store.durable(SPOOL) == ONE + TWO
    assert [news.taken for news in bench.audience.news] == [len(ONE), len(ONE + TWO)]


@pytest.mark.parametrize("first", [ONE, ONE + TWO], ids=["one chunk", "two chunks"])
def test_other_bytes_for_what_is_stored_are_refused_and_counted(bench: Bench, first: bytes) -> None:
    for start in (0, len(ONE)):
        if data := first[start : start + len(ONE) if not start else None]:
            bench.write(append(data, start))
    other = bytearray(first + EXIT)
    other[len(first) - 1] ^= 1
    bench.write(append(bytes(other)))

    assert bench.store.durable(SPOOL) == first
    assert bench.audience.problems == [(SESSION, OTHER_BYTES)]
    assert bench.audience.news[-1].taken == len(other)


def test_bytes_that_are_here_already_free_the_window(bench: Bench) -> None:
    bench.write(append(ONE))
    bench.write(append(ONE))

    assert bench.audience.news[1].taken == len(ONE)
    assert bench.audience.news[1].chunks == ()


def test_a_gap_is_reported_and_nothing_is_stored(bench: Bench) -> None:
    bench.write(append(ONE))
    bench.write(append(EXIT, offset=999))

    assert bench.audience.resends == [(SESSION, SPOOL, len(ONE))]
    assert bench.store.committed(SPOOL) == ONE
    assert bench.audience.news[1].taken == len(EXIT)


def test_a_spool_goes_on_where_an_earlier_process_had_stored(bench: Bench) -> None:
    bench.write(append(ONE))
    again = Ledger(store=bench.store, clock=bench.clock, audience=bench.audience)
    again.write([append(TWO, len(ONE))], idle=True)

    assert bench.store.durable(SPOOL) == ONE + TWO
    assert bench.audience.synced[SPOOL].crc == zlib.crc32(ONE + TWO)


def test_a_result_whose_output_is_missing_is_asked_for(bench: Bench) -> None:
    bench.write(append(ONE), seal(ONE + EXIT))

    assert bench.audience.resends == [(SESSION, SPOOL, len(ONE))]
    assert not bench.audience.ends


# --- what must not be -----------------------------------------------------------------------


UNREADABLE = [
    spools.pack(spools.Kind.OMITTED, 0, text)
    for text in (
        b"{",
        b"{}",
        b'{"stream": 127, "from": 0, "to": 1, "reason": ""}',
        b'{"stream": 1, "from": 2, "to": 1, "reason": ""}',
        b'{"stream": 1, "from": 0, "to": 9223372036854775808, "reason": ""}',
    )
]


@pytest.mark.parametrize("data", [ONE[:-1], ONE + b"x", b"\x00" * 12, b"\x01", *UNREADABLE])
def test_torn_entries_are_a_violation_and_nothing_is_stored(bench: Bench, data: bytes) -> None:
    bench.write(append(data))

    assert bench.audience.problems == [(SESSION, TORN)]
    assert bench.stored == 0


misfits = pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"size": len(ONE) - 1}, TOO_SHORT), ({"crc": 1}, WRONG_RESULT)],
    ids=["a shorter size", "another checksum"],
)


@misfits
def test_a_result_that_does_not_fit_its_spool_is_a_violation(
    bench: Bench, wrong: dict[str, int], reason: str
) -> None:
    bench.write(append(ONE), seal(ONE, **wrong))

    assert bench.audience.problems == [(SESSION, reason)]
    assert bench.audience.said[-1] == "violated"
    assert not bench.audience.ends


@misfits
def test_a_result_that_never_fits_ends_its_attempt_and_is_durably_said_not_to_fit(
    bench: Bench, wrong: dict[str, int], reason: str
) -> None:
    bench.write(append(ONE + EXIT))
    before = bench.store.committed_extent(SPOOL)
    for _ in range(REFUSED_RESULTS):
        bench.write(seal(ONE + EXIT, **wrong))
        assert not bench.audience.ends
    bench.write(seal(ONE + EXIT, **wrong))
    bench.store.power_loss()

    assert bench.audience.problems == [(SESSION, reason)] * (REFUSED_RESULTS + 1)
    assert bench.audience.said[-2:] == ["refused", "sealed"]
    kept = bench.store.committed_extent(SPOOL)
    assert bench.audience.ends[0][2] == kept == replace(before, mismatch=kept.mismatch)
    crc = wrong.get("crc", before.crc)
    assert f"CRC-32 {crc:08x} there" in kept.mismatch
    assert f"{before.stored} with {before.crc:08x} here" in kept.mismatch
    assert bench.store.durable(SPOOL) == ONE + EXIT


def test_a_result_that_fits_at_last_is_as_good_as_one_that_did_at_once(bench: Bench) -> None:
    bench.write(append(ONE))
    for _ in range(REFUSED_RESULTS):
        bench.write(seal(ONE, crc=1))
    bench.write(seal(ONE))

    assert bench.audience.said[-1] == "sealed"
    assert bench.store.committed_extent(SPOOL).mismatch == ""


def test_results_of_one_attempt_say_nothing_of_another(bench: Bench) -> None:
    other = SpoolId(job=SPOOL.job, attempt=2)
    bench.write(append(ONE), append(ONE, spool=other))
    for _ in range(REFUSED_RESULTS):
        bench.write(seal(ONE, crc=1))
    bench.write(replace(seal(ONE, crc=1), spool=other))

    assert bench.audience.said[-1] == "violated"


def test_what_cannot_be_stored_of_a_mismatch_ends_nothing(bench: Bench) -> None:
    bench.write(append(ONE))
    for _ in range(REFUSED_RESULTS):
        bench.write(seal(ONE, crc=1))
    bench.store.fail_next.append(Failure.COMMIT_FAILS)
    with pytest.raises(OutcomeUnknown):
        bench.write(seal(ONE, crc=1))
    bench.ledger.forget()

    assert not bench.audience.ends
    bench.write(seal(ONE, crc=1))
    assert bench.audience.said[-1] == "sealed"
    assert bench.store.committed_extent(SPOOL).mismatch


# --- failures -------------------------------------------------------------------------------


def test_what_is_durable_is_known_after_a_failed_commit(bench: Bench) -> None:
    bench.write(append(ONE))
    bench.write(append(TWO, len(ONE)), idle=False)
    bench.ledger.forget()
    bench.write(append(EXIT, len(ONE + TWO)), idle=False)

    assert bench.audience.news[-1].extent.durable == len(ONE)


def test_a_result_after_a_failure_waits_for_a_sync(bench: Bench) -> None:
    bench.write(append(ONE + EXIT), idle=False)
    bench.ledger.forget()
    bench.write(seal(ONE + EXIT), idle=False)

    assert bench.store.durable(SPOOL) == ONE + EXIT
    assert bench.audience.said[-1] == "sealed"


class BuggyStore(MemoryOutputStore):
    """Fails once, as no store should."""

    def append(self, spool: SpoolId, chunks: Sequence[Chunk], extent: Extent) -> None:
        if not self.fail_next:
            super().append(spool, chunks, extent)
            return
        self.fail_next.clear()
        raise RuntimeError("a bug")


class Listener(Audience):
    """Tells another thread when something has failed, or is removed."""

    def __init__(self) -> None:
        super().__init__()
        self.has_failed = threading.Event()
        self.has_removed = threading.Event()

    def removed(self, job: JobId) -> None:
        super().removed(job)
        self.has_removed.set()

    def failed(self, error: Exception) -> None:
        super().failed(error)
        self.has_failed.set()


@pytest.mark.parametrize("store", [MemoryOutputStore(), BuggyStore()], ids=["commit", "bug"])
def test_the_thread_survives_whatever_fails(store: MemoryOutputStore) -> None:
    audience = Listener()
    writer = OutputWriter(store=lambda: store, clock=WorldClock())
    store.fail_next.append(Failure.COMMIT_FAILS)
    writer.start(audience)
    writer.put(append(ONE))
    assert audience.has_failed.wait(5)

    writer.put(append(ONE))
    writer.stop()
    assert audience.said == ["failed", "stored", "durable"]
    assert store.durable(SPOOL) == ONE


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OUTPUT_REMOVE_CHUNKS", 1)


@pytest.mark.usefixtures("little")
def test_what_is_removed_leaves_others_a_turn(bench: Bench) -> None:
    bench.write(append(ONE), append(TWO, len(ONE)))
    removal = Remove(job=SPOOL.job)

    left = bench.ledger.write([removal], idle=True)
    assert (left, bench.audience.gone) == ([removal], [])
    while left:
        left = bench.ledger.write(left, idle=True)
    assert bench.audience.gone == [SPOOL.job]
    assert bench.store.spools() == []


@pytest.mark.usefixtures("little")
def test_a_writer_removes_to_the_end() -> None:
    store, audience = MemoryOutputStore(), Listener()
    writer = OutputWriter(store=lambda: store, clock=WorldClock())
    for number in range(9):
        writer.put(append(ONE, number * len(ONE)))
    writer.put(Remove(job=SPOOL.job))
    writer.start(audience)
    assert audience.has_removed.wait(5)
    writer.stop()

    assert store.spools() == []


def test_a_stop_writes_and_syncs_what_waits() -> None:
    store, audience = MemoryOutputStore(), Audience()
    writer = OutputWriter(store=lambda: store, clock=WorldClock())
    writer.put(append(ONE))
    writer.put(append(TWO, len(ONE)))
    writer.put(seal(ONE + TWO))
    writer.start(audience)
    writer.stop()

    assert store.durable(SPOOL) == ONE + TWO
    assert audience.said[-1] == "sealed"


# --- rows -----------------------------------------------------------------------------------

GAP = spools.pack_omitted(spools.Omitted(stream=spools.Kind.OUTPUT, start=5, end=9, reason="?"), 0)
entries = st.lists(
    st.one_of(
        st.just((spools.Kind.OMITTED, GAP[spools.HEADER.size :])),
        st.tuples(
            st.sampled_from([spools.Kind.OUTPUT, spools.Kind.ERROR]),
            st.one_of(st.binary(max_size=50), st.integers(0, spools.PAYLOAD_BYTES).map(bytes)),
        ),
    ),
    min_size=1,
    max_size=20,
)


@given(entries=entries, offset=st.integers(0, 1 << 40), lines_before=st.integers(0, 1000))
def test_rows_are_whole_entries_of_at_most_an_entrys_size(
    entries: list[tuple[spools.Kind, bytes]], offset: int, lines_before: int
) -> None:
    data = b"".join(spools.pack(kind, 0, payload) for kind, payload in entries)
    before = Extent(stored=offset, lines=lines_before, records=lines_before + 7)
    rows = cut(data, before)
    chunks = rows.chunks
    streams = [text for kind, text in entries if kind in spools.STREAMS]

    assert b"".join(chunk.data for chunk in chunks) == data
    assert [chunk.offset for chunk in chunks] == [
        offset + sum(len(before.data) for before in chunks[:index]) for index in range(len(chunks))
    ]
    assert all(0 < len(chunk.data) <= limits.SPOOL_ENTRY_BYTES for chunk in chunks)
    assert (rows.lines, rows.payload) == (b"".join(streams).count(b"\n"), sum(map(len, streams)))
    assert rows.records == len(streams)
    for index, chunk in enumerate(chunks):
        assert spools.whole(chunk.data, len(chunk.data)) == len(chunk.data)
        passed = [
            bytes(entry.payload)
            for each in chunks[:index]
            for entry in spools.entries(each.data)
            if entry.kind in spools.STREAMS
        ]
        assert chunk.lines_before == lines_before + b"".join(passed).count(b"\n")
        assert chunk.records_before == lines_before + 7 + len(passed)
