"""A job is begun only where there is room for it; all of them together take no more than theirs."""

from pathlib import Path

import pytest

from farhand_agent.host.room import Disk, Room, disk_of
from farhand_agent.host.sandbox import Sandbox
from farhand_wire import limits

MB = 1024 * 1024
GB = 1024 * MB


@pytest.fixture
def sandbox(short_path: Path) -> Sandbox:
    sandbox = Sandbox(root=short_path / "sandbox", state=short_path)
    sandbox.make("boot")
    return sandbox


def room(sandbox: Sandbox, *, state: Disk, root: Disk | None = None) -> Room:
    root = root or Disk(size=100 * GB, free=50 * GB)
    return Room(sandbox=sandbox, probe=lambda path: root if path == sandbox.root else state)


@pytest.mark.parametrize(
    ("size", "free", "enough"),
    [
        (100 * GB, 256 * MB, True),
        (100 * GB, 256 * MB - 1, False),
        (100 * GB, 0, False),
        # A small file system, as /run is on a small machine, would never do.
        (200 * MB, 50 * MB, True),
        (200 * MB, 50 * MB - 1, False),
    ],
)
def test_a_job_needs_room_in_the_state_directory_and_in_the_sandbox(
    sandbox: Sandbox, size: int, free: int, enough: bool
) -> None:
    narrow, wide = Disk(size=size, free=free), Disk(size=100 * GB, free=50 * GB)

    assert not room(sandbox, state=wide).lack()
    assert bool(room(sandbox, state=narrow).lack()) is not enough
    assert bool(room(sandbox, state=wide, root=narrow).lack()) is not enough


def test_it_is_said_where_room_is_missing_and_how_much(sandbox: Sandbox) -> None:
    lack = room(sandbox, state=Disk(size=100 * GB, free=11 * MB)).lack()

    assert lack == f"{sandbox.state} has 11 MB free, and a job is begun with 256 MB at least"


@pytest.mark.parametrize("size", [100 * MB, 100 * GB])
def test_spools_may_fill_a_share_of_the_disk_and_no_more_than_ten_gigabytes(
    sandbox: Sandbox, size: int
) -> None:
    bounded = room(sandbox, state=Disk(size=size, free=size))
    most = min(limits.AGENT_SPOOL_BYTES, size // 5)
    for attempt, part in (("one", most // 2), ("two", most - most // 2 - 1)):
        folder = sandbox.spools / attempt
        folder.mkdir()
        with (folder / "spool").open("wb") as file:
            file.truncate(part)
    assert not bounded.is_used_up()
    (sandbox.spools / "two" / "more").write_bytes(b"x")

    assert bounded.is_used_up()


def test_the_kernel_is_asked_how_full_a_disk_is(tmp_path: Path) -> None:
    disk = disk_of(tmp_path)

    assert 0 < disk.free <= disk.size
