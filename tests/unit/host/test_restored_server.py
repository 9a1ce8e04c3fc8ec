"""A server that was restored from a backup holds less than was freed for it: what is left is told
behind what it holds, and what is gone is named."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farhand_agent.host.spool import Spool
from farhand_wire import spool as wire

SEGMENT_BYTES = 1000


def make(folder: Path, *, resume: bool = False) -> Spool:
    (folder / "home").mkdir(parents=True, exist_ok=True)
    return Spool(folder / "home", folder / "disk", resume=resume, segment_bytes=SEGMENT_BYTES)


def entry(number: int) -> bytes:
    return wire.pack(wire.Kind.OUTPUT, number, b"%d\n" % number + b"x" * (number % 90))


def told(spool: Spool, offset: int) -> bytes:
    """What the server is sent from there on."""
    data = b""
    while piece := spool.read(offset + len(data), 1 << 20):
        data += piece
    return data


@settings(max_examples=80, deadline=None)
@given(
    entries=st.integers(1, 80),
    held=st.floats(0, 1),
    freed=st.floats(0, 1),
    more=st.integers(0, 40),
    synced=st.booleans(),
    restarted=st.booleans(),
)
def test_the_server_holds_every_byte_that_is_left_and_knows_which_are_not(
    tmp_path_factory: pytest.TempPathFactory,
    entries: int,
    held: float,
    freed: float,
    more: int,
    synced: bool,
    restarted: bool,
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    written = [entry(number) for number in range(entries)]
    spool = make(folder)
    for one in written:
        spool.append(one)
    spool.free(int(freed * spool.size))
    base = spool.base
    if synced:
        spool.sync()
    server = b"".join(written[: int(held * entries)])
    spool.recede(len(server), zlib.crc32(server))
    for number in range(entries, entries + more):
        spool.append(entry(number))
        written.append(entry(number))
    if restarted:
        spool.close()
        spool = make(folder, resume=True)
    whole = server + told(spool, len(server))
    gone = [
        wire.read_omitted(e.payload) for e in wire.entries(whole) if e.kind is wire.Kind.OMITTED
    ]

    assert (spool.size, spool.crc) == (len(whole), zlib.crc32(whole))
    if len(server) >= base:
        assert (gone, whole) == ([], b"".join(written))
    else:
        assert [(hole.start, hole.end) for hole in gone] == [(len(server), base)]
        assert whole.startswith(server)
        assert whole.endswith(b"".join(written)[base:])
    spool.free(spool.size)
    spool.remove()
    assert list(folder.glob("*/spool.*")) == []


def test_it_may_happen_again(tmp_path: Path) -> None:
    spool = make(tmp_path)
    for number in range(60):
        spool.append(entry(number))
    for _ in range(2):
        spool.free(spool.size)
        assert spool.base > 0
        spool.recede(0, 0)
        for number in range(60):
            spool.append(entry(number))

    whole = told(spool, 0)
    assert (spool.size, spool.crc) == (len(whole), zlib.crc32(whole))


def test_what_is_not_durable_any_more_is_synced_again(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.append(entry(1))
    spool.free(spool.size)
    spool.recede(0, 0)
    spool.sync()
    spool.close()
    for file in (tmp_path / "home").iterdir():
        file.unlink()

    assert told(make(tmp_path, resume=True), 0) == entry(1)
