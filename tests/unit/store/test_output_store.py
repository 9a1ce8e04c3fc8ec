"""What the output writer may rely on, over every store of bytes."""

import zlib
from dataclasses import replace

from tests.support.output_processes import Bytes
from tests.support.samples import job_id

from farhand_server.model.clock import UnixMs
from farhand_server.model.output import Chunk, Extent, SpoolId

SPOOL = SpoolId(job=job_id(1), attempt=1)
OTHER = SpoolId(job=job_id(1), attempt=2)


def extent(data: bytes, *, lines: int = 0) -> Extent:
    return Extent(
        stored=len(data),
        crc=zlib.crc32(data),
        lines=lines,
        payload=len(data),
        opened=UnixMs(5),
    )


def add(bytes_: Bytes, data: bytes, *, before: bytes = b"", spool: SpoolId = SPOOL) -> None:
    chunk = Chunk(offset=len(before), lines_before=0, data=data)
    bytes_.store.append(spool, [chunk], extent(before + data))


def test_an_unknown_spool_is_empty(output: Bytes) -> None:
    assert output.store.extent(SPOOL) == Extent()


def test_what_was_appended_is_stored_and_not_yet_durable(output: Bytes) -> None:
    add(output, b"abc")
    output.store.commit()

    assert output.store.extent(SPOOL) == extent(b"abc")


def test_what_its_worker_reported_instead_is_kept_with_a_spool(output: Bytes) -> None:
    add(output, b"abc")
    told = replace(extent(b"abc"), mismatch="5 bytes there, 3 here")
    output.store.append(SPOOL, (), told)
    output.store.sync()
    output.restart()

    assert output.store.extent(SPOOL) == replace(told, durable=3)


def test_a_sync_makes_everything_before_it_durable(output: Bytes) -> None:
    add(output, b"abc")
    output.store.commit()
    add(output, b"xyz", spool=OTHER)
    output.store.sync()

    assert output.store.extent(SPOOL).durable == 3
    assert output.store.extent(OTHER).durable == 3


def test_bytes_behind_a_sync_are_not_durable(output: Bytes) -> None:
    add(output, b"abc")
    output.store.sync()
    add(output, b"def", before=b"abc")
    output.store.commit()

    known = output.store.extent(SPOOL)
    assert (known.stored, known.durable) == (6, 3)
    assert known.crc == zlib.crc32(b"abcdef")


def test_a_sync_without_news_changes_nothing(output: Bytes) -> None:
    output.store.sync()
    add(output, b"abc")
    output.store.sync()
    output.store.sync()

    assert output.store.extent(SPOOL).durable == 3


def test_what_was_not_committed_ends_with_its_process(output: Bytes) -> None:
    add(output, b"abc")
    output.store.commit()
    add(output, b"def", before=b"abc")
    output.restart()

    assert output.store.extent(SPOOL).stored == 3


def test_what_a_new_process_finds_is_durable(output: Bytes) -> None:
    add(output, b"abc")
    output.store.commit()
    output.restart()

    assert output.store.extent(SPOOL).durable == 3


def test_a_spool_goes_on_in_the_next_process(output: Bytes) -> None:
    add(output, b"abc")
    output.store.sync()
    output.restart()
    add(output, b"def", before=b"abc")
    output.store.commit()

    assert output.store.extent(SPOOL).stored == 6


# --- removal --------------------------------------------------------------------------------


def test_a_job_is_removed_a_little_at_a_time_and_others_stay(output: Bytes) -> None:
    for number in range(5):
        add(output, b"abc", before=b"abc" * number)
    add(output, b"xyz", spool=OTHER)
    kept = SpoolId(job=job_id(2), attempt=1)
    add(output, b"def", spool=kept)
    calls = 1
    while not output.store.remove(job_id(1), 2):
        calls += 1
    output.restart()

    assert calls > 2
    assert output.store.extent(SPOOL) == output.store.extent(OTHER) == Extent()
    assert output.store.chunk(SPOOL, 0) is output.store.chunk(OTHER, 0) is None
    assert output.store.extent(kept).stored == 3


def test_a_removal_that_was_cut_off_is_gone_on_with(output: Bytes) -> None:
    for number in range(5):
        add(output, b"abc", before=b"abc" * number)
    assert not output.store.remove(job_id(1), 2)
    output.restart()

    assert output.store.remove(job_id(1), 100)
    assert output.store.extent(SPOOL) == Extent()


def test_nothing_is_removed_of_a_job_without_output(output: Bytes) -> None:
    assert output.store.remove(job_id(1), 2)


def test_a_spool_begins_anew_after_its_removal(output: Bytes) -> None:
    add(output, b"abc")
    output.store.remove(job_id(1), 100)
    add(output, b"xy")
    output.store.sync()

    assert output.store.extent(SPOOL) == replace(extent(b"xy"), durable=2)
