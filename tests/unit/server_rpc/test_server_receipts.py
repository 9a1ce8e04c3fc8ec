"""Receipts: what is stored is read back, and every difference from what came is found."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import samples
from tests.support.stored_output import Part, StoredOutput, packed

from farhand_server.model.job import End, Job, JobStatus
from farhand_server.model.output import LEFT_OUT, LOST, SpoolId
from farhand_server.model.receipt import Receipt, StreamReceipt
from farhand_server.rpc.receipts import MADE, PIECE_BYTES, Receipts
from farhand_server.store.sqlite.connection import open_output
from farhand_wire import spool as spools
from farhand_wire.spool import Exit, Kind, Omitted

OUT, ERR, DEBUG = Kind.OUTPUT, Kind.ERROR, Kind.DEBUG
EXIT = spools.pack_exit(Exit(code=0), 9)
ALL_BYTES = bytes(range(256))

parts = st.lists(
    st.tuples(
        st.sampled_from([OUT, ERR, DEBUG]),
        st.binary(max_size=300) | st.sampled_from([b"\n", b"a\n", ALL_BYTES, b"\xff\n"]),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredOutput]:
    stored = StoredOutput(Path(tmp_path_factory.mktemp("output")))
    yield stored
    stored.close()


def ended(spool: SpoolId, **fields: Any) -> Job:
    """The job of this spool, by default Completed with it."""
    values: dict[str, Any] = {
        "attempt": spool.attempt,
        "status": JobStatus.COMPLETED,
        "end": End(code=0),
    }
    return samples.job(id=spool.job, **(values | fields))


async def receipt(output: StoredOutput, spool: SpoolId, **fields: Any) -> Receipt:
    return await Receipts(output.backend).of(ended(spool, **fields), spool.attempt)


def expected(parts: list[Part], kind: Kind) -> StreamReceipt:
    data = b"".join(data for stream, data in parts if stream is kind)
    return StreamReceipt(
        stream=kind,
        lines=data.count(b"\n") + (not data.endswith(b"\n") and data != b""),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def damage(output: StoredOutput, spool: SpoolId, sql: str, *values: Any) -> None:
    """Changes the database behind the server's back."""
    with closing(open_output(output.path)) as database:
        database.execute(
            f"{sql} AND spool = (SELECT id FROM spools WHERE job = ? AND attempt = ?)",
            (*values, spool.job, spool.attempt),
        )


@settings(deadline=None)
@given(parts=parts, together=st.integers(1, 4))
async def test_whatever_was_written_is_counted_hashed_and_verified(
    output: StoredOutput, parts: list[Part], together: int
) -> None:
    entries = [*packed(parts), EXIT]
    spool = output.write(entries, together=together)

    made = await receipt(output, spool)

    kinds = [OUT, ERR, *([DEBUG] if any(kind is DEBUG for kind, _ in parts) else [])]
    assert made.streams == tuple(expected(parts, kind) for kind in kinds)
    assert made.spool_bytes == len(b"".join(entries))
    assert (made.verified, made.why, made.missing) == (True, "", ())


async def test_the_last_line_counts_with_and_without_its_newline(output: StoredOutput) -> None:
    spool = output.write([*packed([(OUT, b"a\nb\n"), (ERR, b"a\nb")]), EXIT])

    made = await receipt(output, spool)

    assert [stream.lines for stream in made.streams] == [2, 2]


@settings(deadline=None)
@given(parts=parts, together=st.integers(1, 4), at=st.data())
async def test_one_flipped_bit_is_found_wherever_it_is(
    output: StoredOutput, parts: list[Part], together: int, at: st.DataObject
) -> None:
    entries = [*packed(parts), EXIT]
    spool = output.write(entries, together=together)
    chunks = list(output.queries.chunks(spool, 0, 1 << 62))
    chunk = at.draw(st.sampled_from(chunks))
    bit = at.draw(st.integers(0, 8 * len(chunk.data) - 1))
    data = bytearray(chunk.data)
    data[bit // 8] ^= 1 << bit % 8
    damage(output, spool, "UPDATE chunks SET data = ? WHERE offset = ?", data, chunk.offset)

    made = await receipt(output, spool)

    assert not made.verified
    assert made.why.startswith("attempt 1: ")
    assert "CRC-32" in made.why or "damaged" in made.why, made.why


async def test_a_changed_byte_is_named_by_both_checksums(output: StoredOutput) -> None:
    spool = output.write([*packed([(OUT, b"abc\n")]), EXIT])
    crc = output.queries.extent(spool).crc
    other = spools.pack(OUT, 0, b"abd\n")
    damage(
        output,
        spool,
        "UPDATE chunks SET data = CAST(? || substr(data, ?) AS BLOB) WHERE offset = 0",
        other,
        len(other) + 1,
    )

    made = await receipt(output, spool)

    assert f"worker and server had {crc:08x}" in made.why
    assert "attempt 1: what is stored is not what came" in made.why
    assert made.streams[0].sha256 == hashlib.sha256(b"abd\n").hexdigest()


async def test_what_a_worker_reported_instead_is_never_verified(output: StoredOutput) -> None:
    spool = output.write([*packed([(OUT, b"abc\n")]), EXIT])
    words = output.misreport(spool, code=3)

    made = await receipt(output, spool, status=JobStatus.FAILED, end=End(code=3))

    assert (made.verified, made.missing) == (False, ())
    assert made.why == f"attempt 1: {words}"
    assert made.streams[0].sha256 == hashlib.sha256(b"abc\n").hexdigest()


async def test_bytes_that_are_gone_are_a_range_and_no_hash_is_claimed(
    output: StoredOutput,
) -> None:
    spool = output.write(packed([(OUT, b"x" * 88)] * 10), together=1)
    damage(output, spool, "DELETE FROM chunks WHERE offset IN (300, 400, 900)")

    made = await receipt(output, spool)

    assert [(range_.start, range_.end, range_.reason) for range_ in made.missing] == [
        (300, 500, LOST),
        (900, 1000, LOST),
    ]
    assert made.why == f"attempt 1: bytes 300 to 500 of its spool are {LOST}"
    assert made.streams[0] == StreamReceipt(stream=OUT, lines=1, bytes=7 * 88, sha256="")
    assert made.streams[1].sha256 == ""


async def test_rows_that_overlap_are_damage(output: StoredOutput) -> None:
    spool = output.write([*packed([(OUT, b"x" * 88)] * 3), EXIT], together=1)
    damage(output, spool, "UPDATE chunks SET offset = 150 WHERE offset = 200")

    made = await receipt(output, spool)

    assert (made.missing[0].start, made.missing[0].end) == (150, 200)
    assert "damaged" in made.why


async def test_what_was_left_out_is_a_range_and_no_hash_is_claimed(tmp_path: Path) -> None:
    stored = StoredOutput(tmp_path, output_max=1000)
    spool = stored.write([*packed([(OUT, b"x" * 87 + b"\n")] * 50), EXIT], together=1)
    made = await receipt(stored, spool)
    stored.close()

    assert [(range_.start, range_.end, range_.reason) for range_ in made.missing] == [
        (700, 4700, LEFT_OUT)
    ]
    assert not made.verified
    assert made.why == f"attempt 1: bytes 700 to 4,700 of its spool are {LEFT_OUT}"
    assert made.streams[0] == StreamReceipt(stream=OUT, lines=10, bytes=880, sha256="")


async def test_what_the_worker_had_lost_leaves_the_other_streams_alone(
    output: StoredOutput,
) -> None:
    gap = Omitted(stream=OUT, start=10, end=20, reason="gone with the disk of the worker")
    entries = [*packed([(OUT, b"a\n"), (ERR, b"b\n")]), spools.pack_omitted(gap, 2), EXIT]
    spool = output.write(entries)

    made = await receipt(output, spool)

    assert not made.verified
    assert "bytes 10 to 20 of its spool are gone with the disk" in made.why
    assert [stream.sha256 == "" for stream in made.streams] == [True, False]


async def test_what_a_worker_lost_without_knowing_what_it_was_may_be_of_any_stream(
    output: StoredOutput,
) -> None:
    gap = Omitted(stream=None, start=10, end=20, reason="gone when the host lost power")
    spool = output.write(
        [*packed([(OUT, b"a\n"), (ERR, b"b\n")]), spools.pack_omitted(gap, 2), EXIT]
    )

    made = await receipt(output, spool)

    assert [stream.sha256 for stream in made.streams] == ["", ""]
    assert made.missing[0].stream is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": JobStatus.RUNNING, "end": None}, "the job is Running; this is what is here"),
        ({"status": JobStatus.DISCONNECTED, "end": None}, "the job is Disconnected"),
        ({"status": JobStatus.STOPPED, "end": None}, "its worker never reported its end"),
        ({"attempt": 2}, "given up before its worker reported its end"),
    ],
)
async def test_without_an_agreement_nothing_is_verified(
    output: StoredOutput, fields: dict[str, Any], words: str
) -> None:
    spool = output.write([*packed([(OUT, b"abc\n")]), EXIT])

    made = await receipt(output, spool, **fields)

    assert not made.verified
    assert made.why.startswith(f"attempt 1: {words}")
    assert made.streams[0] == expected([(OUT, b"abc\n")], OUT)


async def test_an_attempt_without_its_exit_has_not_ended(output: StoredOutput) -> None:
    spool = output.write(packed([(OUT, b"abc\n")]))

    assert (await receipt(output, spool)).why.endswith("its worker never reported its end")


async def test_damage_is_told_of_a_job_that_runs_too(output: StoredOutput) -> None:
    spool = output.write(packed([(OUT, b"x" * 88)] * 3), together=1)
    damage(output, spool, "DELETE FROM chunks WHERE offset = 100")

    made = await receipt(output, spool, status=JobStatus.RUNNING, end=None)

    assert made.why == f"attempt 1: bytes 100 to 200 of its spool are {LOST}"


async def test_a_job_that_runs_is_read_up_to_what_was_stored_when_it_was_asked(
    output: StoredOutput,
) -> None:
    spool = output.write(packed([(OUT, b"x" * 60_000)] * 60), together=1)
    receipts, running = Receipts(output.backend), ended(spool, status=JobStatus.RUNNING, end=None)
    first = await receipts.of(running, 1)
    output.append(spool, packed([(OUT, b"more\n")]))
    second = await receipts.of(running, 1)

    assert first.spool_bytes > 3 * PIECE_BYTES
    assert (first.streams[0].bytes, second.streams[0].bytes) == (3_600_000, 3_600_005)


async def test_of_a_job_that_is_over_it_is_made_once(output: StoredOutput) -> None:
    spool = output.write([*packed([(OUT, b"abc\n")]), EXIT])
    receipts = Receipts(output.backend)
    first = await receipts.of(ended(spool), 1)
    damage(output, spool, "DELETE FROM chunks WHERE offset >= 0")

    assert first.verified
    assert await receipts.of(ended(spool), 1) is first
    for number in range(MADE):
        await receipts.of(ended(SpoolId(job=samples.job_id(number), attempt=1)), 1)
    assert not (await receipts.of(ended(spool), 1)).verified


async def test_an_attempt_that_wrote_nothing_has_an_empty_receipt(output: StoredOutput) -> None:
    spool = SpoolId(job=samples.job_id(99), attempt=1)

    made = await receipt(output, spool, status=JobStatus.ACTIVATING, end=None)

    assert [(s.lines, s.bytes) for s in made.streams] == [(0, 0), (0, 0)]
    assert (made.spool_bytes, made.missing) == (0, ())
