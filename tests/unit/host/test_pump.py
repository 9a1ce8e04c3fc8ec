"""From pipes to spool: at once when it matters, joined when it does not, and never lost."""

import fcntl
import os
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farhand_agent.host.loop import Loop
from farhand_agent.host.masker import Masker
from farhand_agent.host.pump import Pump
from farhand_agent.host.spool import Spool
from farhand_wire import spool as wire


class Bench:
    """A pump between two pipes whose other ends the test holds."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.loop = Loop()
        self.spool = Spool(folder, folder / "disk", most_bytes=most_bytes)
        self.moves = 0
        self.pump = Pump(self.loop, self.spool, masker=Masker(), moved=self._moved)
        self.output, self.error = self.pump.open()

    def turn_until(self, what: Callable[[], bool]) -> None:
        deadline = self.loop.clock() + 10
        wake = self.loop.after(10, lambda: None)
        while not what():
            assert self.loop.clock() < deadline, "nothing happened"
            self.loop.turn()
        self.loop.cancel(wake)

    def entries(self) -> list[wire.Entry]:
        return list(wire.entries(self.spool.read(0, 1 << 30)))

    def is_read(self) -> bool:
        """Whether the pump has taken all that was written to standard output."""
        waiting = fcntl.ioctl(self.output, termios.FIONREAD, b"\0\0\0\0")
        return not any(waiting)

    def close(self) -> None:
        for end in (self.output, self.error):
            os.close(end)
        self.turn_until(self._at_end)
        self.spool.close()

    def _at_end(self) -> bool:
        self.spool.free(self.spool.size)
        self.pump.resume()
        return self.pump.ended

    def _moved(self) -> None:
        self.moves += 1


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, most_bytes=400_000)
    yield bench
    bench.close()


def test_the_first_line_goes_at_once(bench: Bench) -> None:
    os.write(bench.output, b"first\n")
    bench.loop.turn()

    assert [bytes(entry.payload) for entry in bench.entries()] == [b"first\n"]
    assert bench.moves == 1


def test_short_writes_in_a_burst_are_joined(bench: Bench) -> None:
    def written() -> bool:
        for _ in range(50):
            os.write(bench.output, b"x" * 40)
        return bench.spool.size >= 20_000

    bench.turn_until(written)

    assert len(bench.entries()) < 20


def test_a_large_write_is_cut_into_entries(bench: Bench) -> None:
    os.write(bench.output, b"y" * 200_000)
    bench.turn_until(lambda: bench.spool.size > 200_000)

    sizes = [len(entry.payload) for entry in bench.entries()]
    assert sum(sizes) == 200_000
    assert max(sizes) == wire.PAYLOAD_BYTES


def test_a_full_spool_is_not_filled_further_until_it_has_room(bench: Bench) -> None:
    os.set_blocking(bench.output, False)
    written = os.write(bench.output, b"z" * 1_000_000)
    bench.turn_until(lambda: bench.spool.full)
    size = bench.spool.size
    os.write(bench.error, b"more")
    bench.loop.turn()

    assert bench.spool.size == size < 500_000
    while sum(len(entry.payload) for entry in bench.entries()) < written + 4:
        bench.spool.free(bench.spool.size)
        bench.pump.resume()
        bench.loop.turn()
    assert bytes(bench.entries()[-1].payload)


def test_what_is_in_the_pipes_is_taken_even_by_a_full_spool(bench: Bench) -> None:
    os.set_blocking(bench.output, False)
    written = os.write(bench.output, b"z" * 1_000_000)
    bench.pump.take()

    assert sum(len(entry.payload) for entry in bench.entries()) == written
    assert not bench.pump.ended


def test_the_end_of_both_pipes_is_noticed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, most_bytes=1000)
    os.write(bench.error, b"last words")
    bench.close()

    assert bench.pump.ended


def test_a_prefix_picks_the_stream_however_it_arrives(bench: Bench) -> None:
    for piece in (b"one\nWARN", b"ING: two\nthr", b"ee\nverbose: four"):
        os.write(bench.output, piece)
        bench.turn_until(bench.is_read)
    os.write(bench.error, b"WARNING: five\n")
    os.close(bench.output)
    kinds = {wire.Kind.ERROR, wire.Kind.VERBOSE}
    bench.turn_until(lambda: kinds <= {entry.kind for entry in bench.entries()})
    bench.output = os.open(os.devnull, os.O_WRONLY)

    found = [(entry.kind.name, bytes(entry.payload)) for entry in bench.entries()]
    texts: dict[str, bytes] = {}
    for kind, payload in found:
        texts[kind] = texts.get(kind, b"") + payload
    assert texts == {
        "OUTPUT": b"one\nthree\n",
        "WARNING": b"WARNING: two\n",
        "VERBOSE": b"verbose: four",
        "ERROR": b"WARNING: five\n",
    }
