"""Disks that are full: a job waits, or is not begun, and nothing that it wrote or said is lost."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.host_process import HostProcess
from tests.support.runner_client import Outcome, RunnerClient, wait_for
from tests.support.small_disk import small_disk

from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase
from farhand_wire import limits

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")

MB = 1024 * 1024
#: Room for the reserves of some runners, and for some segments.
SIZE = 64 * MB


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small file system of its own, with a short name."""
    with tempfile.TemporaryDirectory(prefix="fh-", dir="/tmp") as folder:
        path = Path(folder) / "d"
        with small_disk(path, size_mb=SIZE // MB):
            path.chmod(0o755)
            yield path


@pytest.fixture
def host(disk: Path) -> Iterator[HostProcess]:
    """Everything of it lies on the small disk."""
    process = HostProcess(state=disk / "state", sandbox=disk / "s")
    process.state.mkdir()
    process.start()
    try:
        keep_reserves(process, 2)
        yield process
    finally:
        (disk / "fill").unlink(missing_ok=True)
        process.clean_up()

    assert "Traceback" not in process.log


def keep_reserves(host: HostProcess, count: int) -> None:
    """Wait until so many runners, two spares among them, hold all that they keep of the disk."""

    def kept() -> bool:
        files = list((host.state / "reserve").glob("*/*"))
        sizes = [file.stat().st_blocks * 512 for file in files]
        return len([size for size in sizes if size >= limits.SPOOL_RESERVE_BYTES]) == count

    wait_for(kept)


def fill(disk: Path, *, leave: int = 0) -> None:
    """Something else takes the whole disk, or all but some bytes."""
    due = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave
    with (disk / "filling").open("wb", buffering=0) as file, suppress(OSError):
        while leave == 0 or due > 0:
            due -= file.write(bytes(min(MB, due) if leave else 4096))
    (disk / "filling").rename(disk / "fill")


def unread(host: HostProcess, script: str) -> tuple[RunnerClient, str]:
    """A job whose output nobody takes, and a link that only looks; its id."""
    client = host.spare()
    job_id = client.start(script)
    client.expect(Kind.STARTED)
    client.close()
    again = host.dial(job_id)
    again.state()
    keep_reserves(host, 2 + len(list(host.sandbox.attempts())))
    return again, job_id


def read(client: RunnerClient) -> Outcome:
    client.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
    return client.take(Outcome())


def settled(client: RunnerClient) -> int:
    """The size of a spool that does not grow any more."""
    sizes: list[int] = []

    def stays() -> bool:
        sizes.append(client.state()["size"])
        return len(sizes) > 50 and len({*sizes[-50:]}) == 1

    wait_for(stays)
    return sizes[-1]


def test_a_job_is_not_begun_without_room(host: HostProcess, disk: Path) -> None:
    client = host.spare()
    fill(disk, leave=15 * MB + MB // 2)
    job_id = client.start("echo never")
    outcome = client.take(Outcome())

    assert outcome.void == f"{host.state} has 15 MB free, and a job is begun with 16 MB at least"
    assert (host.home(job_id) / "started").read_text() == f"void {outcome.void}"
    (disk / "fill").unlink()
    assert client.done()
    assert client.run("echo now").output == b"now\n"


def test_a_job_is_not_begun_where_not_even_its_refusal_can_be_written(
    host: HostProcess, disk: Path
) -> None:
    client = host.spare()
    client.state()
    fill(disk)
    job_id = client.start("echo never")
    outcome = client.take(Outcome())

    assert outcome.void == "the sandbox could not be written: No space left on device"
    assert not (host.home(job_id) / "started").exists()
    assert client.state()["phase"] == Phase.VOID
    (disk / "fill").unlink()
    assert client.done()
    assert client.run("echo now").output == b"now\n"


def test_a_full_disk_makes_a_job_wait_and_loses_nothing(host: HostProcess, disk: Path) -> None:
    numbers = b"".join(b"%d\n" % n for n in range(2_000_000))
    script = f"until [ -e {disk}/fill ]; do sleep 0.01; done; seq 0 1999999; exit 3"
    client, _ = unread(host, script)
    fill(disk, leave=6 * MB)
    assert 4 * MB < settled(client) < len(numbers)
    (disk / "fill").unlink()
    outcome = read(client)

    assert outcome.output == numbers
    assert outcome.code == 3


@pytest.mark.parametrize("kilobytes", [10, 5_000])
def test_the_end_of_a_job_is_written_down_on_a_full_disk(
    host: HostProcess, disk: Path, kilobytes: int
) -> None:
    """Whether it wrote little or more than one segment. Nobody reads, and its runner dies."""
    full = f"until [ -e {disk}/fill ]; do sleep 0.01; done"
    script = (
        f"head -c {kilobytes}000 /dev/zero; {full}; head -c 900000 /dev/zero; echo last; exit 7"
    )
    client, job_id = unread(host, script)
    wait_for(lambda: client.state()["size"] > kilobytes * 1000)
    fill(disk)
    wait_for(lambda: client.state()["phase"] == Phase.EXITED)
    os.kill(host.runner_of(job_id), signal.SIGKILL)
    wait_for(lambda: client.hear() is None)
    outcome = read(host.dial(job_id))

    assert outcome.code == 7
    assert outcome.output == bytes(kilobytes * 1000 + 900_000) + b"last\n"


def test_all_jobs_together_wait_at_a_share_of_the_disk(host: HostProcess, disk: Path) -> None:
    clients = [unread(host, "head -c 30000000 /dev/zero | tr '\\0' x")[0] for _ in range(2)]
    for client in clients:
        settled(client)
    spools = sum(path.stat().st_size for path in (host.state / "spool").glob("*/spool.*"))
    assert 0.2 * SIZE <= spools < 0.5 * SIZE
    for client in clients:
        client.send(Kind.READ, offset=0, credit=FIRST_CREDIT)
        outcome = Outcome()
        while outcome.exited is None:
            enough = len(outcome.data) + MB
            client.take(outcome, until=lambda seen: len(seen.data) >= enough)  # noqa: B023
            client.send(Kind.FREE, durable=len(outcome.data))

        assert outcome.output == b"x" * 30_000_000
