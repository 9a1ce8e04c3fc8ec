"""Who reads slowly, or not at all, costs the server little and the job nothing."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.raw_follower import RawFollower

#: 32 MiB in lines of 128 bytes, as fast as they come.
LINES = 262_144
PRINTS = f"seq -f '%0127g' 1 {LINES}\n"
OUTPUT = "".join(f"{n:0127d}\n" for n in range(1, LINES + 1)).encode()
READERS = 20
#: A reader that stalls may cost the server so much; it is sent 16 times as much.
MOST_BYTES = 2 * 1024 * 1024


@pytest.fixture
def readers(bare: Deployment) -> Iterator[list[RawFollower]]:
    found: list[RawFollower] = []
    yield found
    for reader in found:
        reader.cut()


def resident(pid: int) -> int:
    """Memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def test_live_view_lag_does_not_drop(bare: Deployment, readers: list[RawFollower]) -> None:
    """A fast job, readers that take one message and rest: the log is complete, memory is bounded,
    and everybody who goes on, on the same stream or on a new one, misses and repeats nothing."""
    bare.publish("prints", PRINTS)
    bare.add_agent("w1")
    assert bare.farhand("job", "follow", bare.start("prints")).out == OUTPUT
    before = resident(bare.server.pid)

    job = bare.start("prints")
    readers += [RawFollower(bare.contexts, job) for _ in range(READERS)]
    for reader in readers:
        while not reader.output:
            reader.read()
    assert bare.farhand("job", "follow", job, "--from-start").out == OUTPUT

    grown = resident(bare.server.pid) - before
    print(f"{READERS} readers that rest cost {grown / 2**20:.0f} MiB")
    assert grown < READERS * MOST_BYTES
    assert all(len(reader.output) < len(OUTPUT) // 4 for reader in readers)
    for reader in readers[:4]:
        reader.cut()
    for reader in readers[:8]:
        reader.read_to_the_end()
        assert reader.output == OUTPUT
    assert [reader.opened for reader in readers[:8]] == [2, 2, 2, 2, 1, 1, 1, 1]


def test_a_reader_behind_a_slow_network_is_bounded_and_reads_on(
    bare: Deployment, readers: list[RawFollower]
) -> None:
    with contextlib.closing(bare.path()) as path:
        bare.publish("prints", PRINTS)
        bare.add_agent("w1")
        job = bare.start("prints")
        reader = RawFollower(bare.contexts, job, server=path.endpoint)
        readers.append(reader)
        while not reader.output:
            reader.read()
        path.set("stall")
        assert bare.farhand("job", "follow", job, "--from-start").out == OUTPUT
        assert bare.status(job) == "JOB_STATUS_COMPLETED"
        path.set("pass")
        reader.read_to_the_end()

        assert reader.output == OUTPUT
        assert reader.opened == 1
