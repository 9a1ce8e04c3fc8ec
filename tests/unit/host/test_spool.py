"""The spool gives back the bytes it was given, whatever was freed, cut off or restarted."""

import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farhand_agent.host.spool import Spool
from farhand_wire import spool as wire


def make(folder: Path, *, resume: bool = False, **sizes: Any) -> Spool:
    (folder / "home").mkdir(parents=True, exist_ok=True)
    return Spool(folder / "home", folder / "disk", resume=resume, **sizes)


def entry(text: bytes, elapsed_ms: int = 0) -> bytes:
    return wire.pack(wire.Kind.OUTPUT, elapsed_ms, text)


def read_all(spool: Spool, start: int, most: int = 1 << 20) -> bytes:
    data = b""
    while piece := spool.read(start + len(data), most):
        assert wire.whole(piece, len(piece)) == len(piece)

        data += piece
    return data


payloads = st.lists(st.binary(min_size=0, max_size=300), max_size=40)
free_marks = st.lists(st.floats(min_value=0, max_value=1), max_size=5)


@settings(max_examples=60, deadline=None)
@given(texts=payloads, marks=free_marks, most=st.integers(400, 2000), torn=st.integers(0, 30))
def test_what_is_appended_is_read_freed_and_recovered_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[bytes],
    marks: list[float],
    most: int,
    torn: int,
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = make(folder, segment_bytes=1000)
    written = b""
    for text in texts:
        spool.append(entry(text))
        written += entry(text)
    for mark in marks:
        spool.free(int(mark * len(written)))

    assert read_all(spool, spool.base, most) == written[spool.base :]
    assert spool.base <= spool.durable
    assert (spool.size, spool.crc) == (len(written), zlib.crc32(written))

    spool.close()
    last = max(folder.glob("*/spool.*"))
    with last.open("ab") as file:
        file.write(entry(b"x" * 50)[:torn])
    again = make(folder, resume=True, segment_bytes=1000)

    assert (again.size, again.crc) == (len(written), zlib.crc32(written))
    assert read_all(again, again.base, most) == written[again.base :]
    again.remove()
    assert list(folder.glob("*/spool.*")) == []


def test_an_entry_larger_than_the_credit_is_not_cut(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.append(entry(b"x" * 100))
    spool.append(entry(b"y" * 100))

    assert spool.read(0, 50) == b""
    assert spool.read(0, 150) == entry(b"x" * 100)


def test_the_first_segment_lies_beside_the_attempt_and_the_others_on_disk(tmp_path: Path) -> None:
    spool = make(tmp_path, segment_bytes=1000)
    for _ in range(10):
        spool.append(entry(b"z" * 300))

    assert len(list((tmp_path / "home").iterdir())) == 1
    assert len(list((tmp_path / "disk").iterdir())) == 3
    assert os.stat(tmp_path / "disk").st_mode & 0o777 == 0o700


def test_freed_segments_are_gone_from_the_disk(tmp_path: Path) -> None:
    spool = make(tmp_path, segment_bytes=1000)
    for _ in range(10):
        spool.append(entry(b"z" * 300))
    spool.sync()
    spool.free(spool.size)

    assert len(list(tmp_path.glob("*/spool.*"))) == 1
    assert read_all(spool, spool.base) == (entry(b"z" * 300) * 10)[spool.base :]


def test_what_was_synced_survives_the_loss_of_the_tmpfs(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.append(entry(b"one"))
    spool.sync()
    spool.append(entry(b"two"))
    spool.sync()
    spool.append(entry(b"lost"))
    spool.close()
    for file in (tmp_path / "home").iterdir():
        file.unlink()
    again = make(tmp_path, resume=True)

    assert read_all(again, 0) == entry(b"one") + entry(b"two")


def test_nothing_is_synced_that_the_server_holds(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.append(entry(b"one"))
    spool.free(spool.size)
    spool.sync()

    assert not (tmp_path / "disk").exists()


def test_segments_behind_a_gap_do_not_count(tmp_path: Path) -> None:
    spool = make(tmp_path, segment_bytes=1000)
    for _ in range(10):
        spool.append(entry(b"z" * 300))
    spool.close()
    os.truncate(sorted((tmp_path / "disk").iterdir())[0], 500)
    again = make(tmp_path, resume=True, segment_bytes=1000)

    assert again.size == 3 * 312 + 312
    assert again.crc == zlib.crc32(entry(b"z" * 300) * 4)


def test_the_exit_is_found_again(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.append(entry(b"one", 5))
    spool.end(wire.Exit(code=3), 9)
    spool.close()
    again = make(tmp_path, resume=True)

    assert again.exit == wire.Exit(code=3)
    assert again.elapsed_ms == 9
    assert again.complete


def test_a_spool_is_full_when_too_much_is_unacknowledged(tmp_path: Path) -> None:
    spool = make(tmp_path, most_bytes=1000)
    spool.append(entry(b"z" * 900))
    assert not spool.full
    spool.append(entry(b"z" * 900))

    assert spool.full
    spool.free(spool.size)
    assert not spool.full


def test_what_a_full_disk_refuses_is_kept_and_written_later(tmp_path: Path) -> None:
    spool = make(tmp_path, segment_bytes=100)
    spool.append(entry(b"one"))
    (tmp_path / "disk").write_bytes(b"in the way")
    spool.append(entry(b"t" * 95))

    assert spool.full
    assert spool.size == len(entry(b"one"))

    (tmp_path / "disk").unlink()
    spool.flush()

    assert not spool.full
    assert read_all(spool, 0) == entry(b"one") + entry(b"t" * 95)


def test_the_end_is_written_where_there_is_room_if_the_disk_has_none(tmp_path: Path) -> None:
    spool = make(tmp_path, segment_bytes=100)
    spool.append(entry(b"one"))
    (tmp_path / "disk").write_bytes(b"in the way")
    spool.append(entry(b"t" * 95))
    spool.end(wire.Exit(code=0), 1)

    assert spool.complete
    assert read_all(spool, 0).startswith(entry(b"one") + entry(b"t" * 95))
