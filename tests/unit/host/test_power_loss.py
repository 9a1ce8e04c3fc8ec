"""After a loss of power a spool is what the disk kept: it goes on where the server is, names what
is gone, and never claims an end that nobody saw."""

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farhand_agent.host.attempt import Attempt
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.spool import Spool
from farhand_wire import spool as wire

SEGMENT_BYTES = 600
LOST = wire.Exit(reason="the host was restarted", lost=True)


@dataclass
class Machine:
    """A host that writes, loses power, and comes back."""

    folder: Path
    written: bytes = b""
    ends: list[int] = field(default_factory=lambda: [0])

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    def write(self, *payloads: bytes, code: int | None = None) -> None:
        """All in one life; `code`: the script ends with it."""
        spool = Spool(self._home(), self.disk, segment_bytes=SEGMENT_BYTES)
        for payload in payloads:
            spool.append(wire.pack(wire.Kind.OUTPUT, 1, payload))
            self.ends.append(spool.size)
        if code is not None:
            spool.end(wire.Exit(code=code), 2)
            self.ends.append(spool.size)
        spool.sync()
        self.written = _read(spool, 0)
        spool.close()

    def lose_power(self) -> None:
        """What was in memory is gone."""
        for path in self._home().iterdir():
            path.unlink()

    def files(self) -> list[Path]:
        return sorted(self.disk.iterdir())

    def come_back(self, *, stored: int, crc: int | None = None) -> "Found":
        """The server holds the first `stored` bytes of what was written."""
        known = self.written[:stored]
        spool = Spool(self._home(), self.disk, resume=True, segment_bytes=SEGMENT_BYTES)
        id_ = AttemptId(job_id="0190a0b1-0000-7000-8000-00000000000a", attempt=1)
        attempt = Attempt(id=id_, spool=spool, reason=str(LOST.reason), torn=True)
        attempt.settle(stored, zlib.crc32(known) if crc is None else crc)
        return Found(spool=spool, stored=stored, crc=zlib.crc32(known))

    def _home(self) -> Path:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        return home


class Found:
    """What a server gets of it."""

    def __init__(self, *, spool: Spool, stored: int, crc: int) -> None:
        data = _read(spool, stored)
        self.entries = list(wire.entries(data))
        self.verified = (spool.size, spool.crc) == (stored + len(data), zlib.crc32(data, crc))
        spool.close()

    @property
    def output(self) -> list[bytes]:
        return [bytes(e.payload) for e in self.entries if e.kind is wire.Kind.OUTPUT]

    @property
    def omitted(self) -> list[wire.Omitted]:
        return [wire.read_omitted(e.payload) for e in self.entries if e.kind is wire.Kind.OMITTED]

    @property
    def exit(self) -> wire.Exit:
        return wire.read_exit(self.entries[-1].payload)


def _read(spool: Spool, start: int) -> bytes:
    data = b""
    while piece := spool.read(start + len(data), 1 << 20):
        data += piece
    return data


def entry(number: int) -> bytes:
    return b"%04d" % number * 70


def size_of(count: int) -> int:
    """Bytes of so many entries."""
    return count * (wire.HEADER.size + len(entry(0)))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.write(*map(entry, range(10)))
    return machine


def test_what_the_disk_kept_is_sent_and_the_end_is_told(machine: Machine) -> None:
    machine.lose_power()
    found = machine.come_back(stored=size_of(3))

    assert found.output == [entry(n) for n in range(3, 10)]
    assert (found.omitted, found.exit, found.verified) == ([], LOST, True)


def test_where_the_server_has_more_the_end_lies_behind_that(machine: Machine) -> None:
    machine.lose_power()
    for path in machine.files()[2:]:
        path.unlink()
    found = machine.come_back(stored=size_of(7))

    assert (found.output, found.omitted, found.exit, found.verified) == ([], [], LOST, True)


def test_where_nothing_is_left_the_end_lies_behind_what_the_server_has(machine: Machine) -> None:
    machine.lose_power()
    for path in machine.files():
        path.unlink()
    found = machine.come_back(stored=size_of(7))

    assert (found.output, found.exit, found.verified) == ([], LOST, True)


def test_a_hole_is_named_with_all_that_lies_behind_it(machine: Machine) -> None:
    machine.lose_power()
    machine.files()[2].unlink()
    found = machine.come_back(stored=size_of(1))

    assert found.output == [entry(n) for n in range(1, 4)]
    (hole,) = found.omitted
    assert (hole.start, hole.end) == (size_of(4), size_of(10))
    assert "lost power" in hole.reason
    assert (found.exit, found.verified) == (LOST, True)


def test_a_hole_that_the_server_does_not_have_is_none(machine: Machine) -> None:
    machine.lose_power()
    machine.files()[2].unlink()
    found = machine.come_back(stored=size_of(6))

    assert found.output == [entry(n) for n in range(6, 10)]
    assert (found.omitted, found.exit, found.verified) == ([], LOST, True)


def test_a_hole_begins_where_the_server_ends(machine: Machine) -> None:
    machine.lose_power()
    machine.files()[2].unlink()
    found = machine.come_back(stored=size_of(5))

    (hole,) = found.omitted
    assert (hole.start, hole.end) == (size_of(5), size_of(10))
    assert (found.output, found.exit, found.verified) == ([], LOST, True)


def test_an_end_that_lies_behind_a_hole_is_not_believed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write(*map(entry, range(10)), code=0)
    machine.lose_power()
    machine.files()[2].unlink()

    assert machine.come_back(stored=size_of(1)).exit == LOST


def test_an_end_whose_way_there_is_whole_is_true(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write(*map(entry, range(10)), code=0)
    machine.lose_power()
    machine.files()[2].unlink()
    found = machine.come_back(stored=size_of(6))

    assert (found.omitted, found.exit, found.verified) == ([], wire.Exit(code=0), True)


def test_bytes_that_are_not_those_of_the_server_do_not_follow_these(machine: Machine) -> None:
    machine.lose_power()
    data = bytearray(machine.files()[0].read_bytes())
    data[20:30] = bytes(10)
    machine.files()[0].write_bytes(data)
    found = machine.come_back(stored=size_of(1))

    (hole,) = found.omitted
    assert (hole.start, hole.end) == (size_of(1), size_of(10))
    assert (found.output, found.exit, found.verified) == ([], LOST, True)


def test_zeros_instead_of_bytes_are_a_hole(machine: Machine) -> None:
    machine.lose_power()
    path = machine.files()[1]
    path.write_bytes(bytes(path.stat().st_size))
    found = machine.come_back(stored=0)

    assert found.output == [entry(0), entry(1)]
    assert [(hole.start, hole.end) for hole in found.omitted] == [(size_of(2), size_of(10))]
    assert (found.exit, found.verified) == (LOST, True)


def test_power_may_be_lost_again(machine: Machine) -> None:
    machine.lose_power()
    machine.files()[2].unlink()
    first = machine.come_back(stored=size_of(1))
    second = machine.come_back(stored=size_of(1))

    assert second.entries[-1] == first.entries[-1]
    assert second.output == first.output
    assert second.omitted == first.omitted


def test_without_a_checksum_from_the_link_the_offset_decides(tmp_path: Path) -> None:
    """A link of an older version."""
    spool = Spool(tmp_path, tmp_path / "disk")
    spool.append(wire.pack(wire.Kind.OUTPUT, 1, b"one"))

    assert spool.go_on(5000, None) is None
    assert (spool.base, spool.size) == (5000, 5000)
    spool.remove()


damages = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["gone", "short", "zeros"]), st.integers(0, 600)),
    max_size=4,
)


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=30),
    code=st.none() | st.just(0),
    at=st.integers(0, 31),
    harm=damages,
)
def test_whatever_a_disk_lost_the_server_can_verify_the_end_and_no_byte_is_wrong(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    code: int | None,
    at: int,
    harm: list[tuple[int, str, int]],
) -> None:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    payloads = [b"%03d" % n * size for n, size in enumerate(sizes)]
    machine.write(*payloads, code=code)
    machine.lose_power()
    files = machine.files()
    for which, how, cut in harm:
        path = files[which % len(files)]
        if not path.exists():
            continue
        if how == "gone":
            path.unlink()
        elif how == "short":
            os.truncate(path, min(cut, path.stat().st_size))
        elif path != files[-1] and path.stat().st_size:
            # Only what follows can tell that a file is long enough and yet not written.
            path.write_bytes(bytes(path.stat().st_size))
    at = at % len(machine.ends)
    found = machine.come_back(stored=machine.ends[at])

    assert found.verified
    if not found.entries:
        assert code == 0 and at == len(machine.ends) - 1
    elif found.exit == wire.Exit(code=0):
        assert not found.omitted
        assert found.output == payloads[at:]
    else:
        assert found.exit == LOST
        assert found.output == payloads[at : at + len(found.output)]
        assert len(found.omitted) <= 1
