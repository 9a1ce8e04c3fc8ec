"""A server that was restored from a backup holds less than was freed for it: what is left is told
behind what it holds, and what is gone is named."""

import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farhand_agent.host.segment import Segment
from farhand_agent.host.spool import Spool
from farhand_wire import spool as wire

SEGMENT_BYTES = 1000


def make(folder: Path, *, resume: bool = False, segment_bytes: int = SEGMENT_BYTES) -> Spool:
    (folder / "home").mkdir(parents=True, exist_ok=True)
    return Spool(
        folder / "home",
        folder / "disk",
        resume=resume,
        same_boot=resume,
        segment_bytes=segment_bytes,
    )


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


class Died(BaseException):
    """The runner ended here; nothing catches that."""


def dies_at(patch: pytest.MonkeyPatch, nth: int) -> None:
    """At the nth call by which a file of the spool changes; a write is torn."""
    calls = 0

    def reach() -> bool:
        nonlocal calls
        calls += 1
        return calls == nth

    def change(call: Callable[..., object]) -> Callable[..., object]:
        def made(*values: object) -> object:
            if reach():
                raise Died
            return call(*values)

        return made

    def append(self: Segment, file: int, parts: Sequence[bytes], _: object = None) -> None:
        data = b"".join(parts)
        if reach():
            os.write(file, data[:20])
            raise Died
        self.size += os.write(file, data)

    patch.setattr(Segment, "append", append)
    for name in ("rename", "unlink"):
        patch.setattr(os, name, change(getattr(os, name)))


@pytest.mark.parametrize("held", [0, 1, 3])
@pytest.mark.parametrize("freed", [4, 7])
@pytest.mark.parametrize("synced", [False, True])
@pytest.mark.parametrize("segment_bytes", [1, 120, SEGMENT_BYTES])
def test_a_runner_may_die_at_every_call_by_which_it_says_what_is_gone(
    tmp_path: Path, held: int, freed: int, synced: bool, segment_bytes: int
) -> None:
    written = [entry(number) for number in range(10)]
    server = b"".join(written[:held])
    died, nth = True, 0
    while died:
        nth += 1
        folder = tmp_path / str(nth)
        spool = make(folder, segment_bytes=segment_bytes)
        for one in written:
            spool.append(one)
        spool.free(sum(map(len, written[:freed])))
        base = spool.base
        if synced:
            spool.sync()
        with pytest.MonkeyPatch.context() as patch:
            dies_at(patch, nth)
            try:
                spool.recede(len(server), zlib.crc32(server))
                died = False
            except Died:
                spool.close()
        again = make(folder, resume=True, segment_bytes=segment_bytes) if died else spool
        again.recede(len(server), zlib.crc32(server))
        whole = server + told(again, len(server))

        assert (again.size, again.crc) == (len(whole), zlib.crc32(whole)), nth
        assert whole.endswith(b"".join(written)[base:]), nth
        again.close()


def test_a_runner_may_die_at_every_call_by_which_it_lets_go(tmp_path: Path) -> None:
    written = [entry(number) for number in range(10)]
    died, nth = True, 0
    while died:
        nth += 1
        spool = make(tmp_path / str(nth), segment_bytes=120)
        for number, one in enumerate(written):
            spool.append(one)
            if number == 0:
                spool.sync()  # of the first segment only a part has a copy
        held = sum(map(len, written[:8]))
        with pytest.MonkeyPatch.context() as patch:
            dies_at(patch, nth)
            try:
                spool.free(held)
                died = False
            except Died:
                pass
        spool.close()
        again = make(tmp_path / str(nth), resume=True, segment_bytes=120)

        assert again.base <= held, nth
        assert told(again, held) == b"".join(written[8:]), nth
        assert again.crc == zlib.crc32(b"".join(written)), nth
        again.close()
    assert nth > 2


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
