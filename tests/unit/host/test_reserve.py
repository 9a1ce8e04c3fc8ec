"""The end of a job is written down even where the disk is full, and all that lies before it."""

import os
import zlib
from pathlib import Path

import pytest
from tests.support.full_disk import FullDisk

from farhand_agent.host.reserve import Reserve
from farhand_agent.host.spool import Spool
from farhand_wire import limits
from farhand_wire import spool as wire

LINE = wire.pack(wire.Kind.OUTPUT, 0, b"x" * 60_000)


class Bench:
    """A spool on a disk that can be full."""

    def __init__(self, folder: Path) -> None:
        self.disk = FullDisk()
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.reserve = Reserve(folder / "reserve")
        self.written = b""
        self.spool = Spool(
            self.home,
            folder / "spool",
            segment_bytes=200_000,
            reserve=self.reserve,
            write=self.disk.write,
        )

    def write(self, times: int) -> None:
        for _ in range(times):
            self.spool.append(LINE)
            self.written += LINE

    def end(self) -> None:
        exit_ = wire.Exit(code=7)
        self.spool.end(exit_, 1)
        self.written += wire.pack_exit(exit_, 1)

    def found(self) -> Spool:
        """What another process finds."""
        return Spool(self.home, self.folder / "spool", resume=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def read(spool: Spool) -> bytes:
    data = b""
    while piece := spool.read(len(data), 1 << 20):
        data += piece
    return data


@pytest.mark.parametrize("before", [1, 2, 3, 4, 5, 6, 7])
def test_the_end_and_what_waits_before_it_go_into_the_reserve(bench: Bench, before: int) -> None:
    """In the first segment or a later one, or where the next was about to begin."""
    bench.write(before)
    bench.disk.full = True
    bench.write(30)
    assert bench.spool.full
    bench.end()

    assert bench.spool.complete
    found = bench.found()
    assert read(found) == bench.written
    assert (found.exit, found.crc) == (wire.Exit(code=7), zlib.crc32(bench.written))


def test_a_job_that_runs_does_not_get_the_reserve(bench: Bench) -> None:
    bench.disk.full = True
    bench.write(30)

    assert bench.spool.full
    assert bench.spool.size < len(bench.written)
    bench.disk.full = False
    bench.end()
    assert read(bench.spool) == bench.written
    assert (bench.folder / "reserve").exists()


def test_a_reserve_holds_what_two_pipes_and_an_entry_hold(tmp_path: Path) -> None:
    Reserve(tmp_path / "reserve")
    (file,) = (tmp_path / "reserve").iterdir()
    status = file.stat()

    assert status.st_size == 0
    assert status.st_blocks * 512 >= limits.SPOOL_RESERVE_BYTES
    assert limits.SPOOL_RESERVE_BYTES > 2 * 1024 * 1024 + limits.SPOOL_ENTRY_BYTES


def test_a_reserve_is_spent_once_and_made_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    reserve.spend(tmp_path / "one", "spool")
    with pytest.raises(OSError):
        reserve.spend(tmp_path / "one", "again")
    reserve.renew()
    reserve.spend(tmp_path / "one", "again")

    assert sorted(os.listdir(tmp_path / "one")) == ["again", "spool"]
    assert not (tmp_path / "reserve" / "blocks").exists()


def test_without_room_for_a_reserve_there_is_none_until_there_is(tmp_path: Path) -> None:
    (tmp_path / "parent").write_bytes(b"in the way")
    reserve = Reserve(tmp_path / "parent" / "reserve")
    with pytest.raises(OSError):
        reserve.spend(tmp_path / "one", "spool")
    (tmp_path / "parent").unlink()
    (tmp_path / "parent").mkdir()
    reserve.renew()

    reserve.spend(tmp_path / "one", "spool")
    assert (tmp_path / "one" / "spool").stat().st_size == 0


def test_where_all_spools_are_used_up_a_job_waits_and_its_end_does_not(tmp_path: Path) -> None:
    used_up = True
    spool = Spool(tmp_path, tmp_path / "disk", segment_bytes=200_000, is_used_up=lambda: used_up)
    for _ in range(7):
        spool.append(LINE)
    assert spool.full
    waits = spool.size
    used_up = False
    spool.flush()
    assert not spool.full
    used_up = True
    for _ in range(4):
        spool.append(LINE)
    assert spool.full
    spool.end(wire.Exit(code=0), 1)

    assert waits == 6 * len(LINE)
    assert spool.complete
    assert read(spool)[: 11 * len(LINE)] == 11 * LINE
    spool.remove()


def test_whose_output_is_taken_waits_for_nobody_elses(tmp_path: Path) -> None:
    spool = Spool(tmp_path, tmp_path / "disk", segment_bytes=200_000, is_used_up=lambda: True)
    for _ in range(30):
        spool.append(LINE)
        spool.free(spool.size)

    assert not spool.full
    spool.remove()
