"""The server's disk runs full: what was promised is kept, and everything goes on by itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.edge import Caller, Worker, eventually
from tests.support.edge_jobs import granted, output, publish, result, start
from tests.support.load import load
from tests.support.server_process import farhand_server, free_port, reach, server_process
from tests.support.small_disk import LimitedFiles, SmallDisk, small_disk

from farhand_server.app import Tuning
from farhand_server.room import Room
from farhand_wire import spool as spools
from farhand_wire.v1 import hybrid_worker_group_pb2, job_pb2

GB = 1024**3
SPOOL = spools.pack(spools.Kind.OUTPUT, 0, b"hello\n") + spools.pack_exit(spools.Exit(code=0), 5)


# --- a disk that is said to be full ---------------------------------------------------------


class Disk:
    """How much room there is, as a test wants it."""

    def __init__(self) -> None:
        self.free = 100 * GB

    def room(self, path: Path) -> Room:
        return Room(free=self.free, total=1000 * GB)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def tuning(disk: Disk) -> Tuning:
    return Tuning(room=disk.room, room_seconds=0.02)


async def why(owner: Caller, job_id: str) -> str:
    answer = await owner.ask(owner.jobs.ExplainJob, job_pb2.ExplainJobRequest(job_id=job_id))
    return str(answer.code)


async def status(owner: Caller, job_id: str) -> int:
    return int(
        (await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=job_id))).job.status
    )


async def runs_low(owner: Caller, disk: Disk) -> None:
    """Until the server has noticed: a job of a group without members shows it."""
    await publish(owner)
    create = hybrid_worker_group_pb2.CreateHybridWorkerGroupRequest(name="nobody")
    await owner.ask(owner.groups.CreateHybridWorkerGroup, create)
    job_id = (await start(owner, run_on="nobody")).job_id
    disk.free = GB // 4

    async def noticed() -> bool:
        return await why(owner, job_id) == "paused"

    await eventually(noticed)


async def test_with_little_room_jobs_wait_and_go_on_by_themselves(
    owner: Caller, worker: Worker, disk: Disk
) -> None:
    await worker.serve()
    await runs_low(owner, disk)
    job_id = (await start(owner)).job_id

    assert await why(owner, job_id) == "paused"
    await worker.beat(2)
    assert (await worker.hear("heartbeat_ack")).sequence == 2
    disk.free = 100 * GB
    assert (await granted(worker)).job_id == job_id


async def test_with_little_room_output_waits_and_a_result_of_stored_output_is_taken(
    owner: Caller, worker: Worker, disk: Disk
) -> None:
    await publish(owner, "early")
    await worker.serve()
    await start(owner, runbook="early")
    done = await granted(worker)
    await start(owner, runbook="early")
    waits = await granted(worker)
    await worker.say(output(done, 0, SPOOL))
    while (await worker.until("output_ack")).stored < len(SPOOL):
        pass
    await runs_low(owner, disk)
    await worker.say(output(waits, 0, SPOOL), result(done, SPOOL))

    assert (await worker.until("result_ack")).job_id == done.job_id
    assert await status(owner, done.job_id) == job_pb2.JOB_STATUS_COMPLETED
    assert await status(owner, waits.job_id) != job_pb2.JOB_STATUS_COMPLETED
    disk.free = 100 * GB
    resend = await worker.until("resend")
    assert (resend.job_id, resend.offset) == (waits.job_id, 0)
    await worker.say(output(waits, 0, SPOOL), result(waits, SPOOL))
    assert (await worker.until("result_ack")).job_id == waits.job_id


# --- a disk that is full --------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def limited(tmp_path: Path) -> SmallDisk:
    (tmp_path / "disk").mkdir()
    return LimitedFiles(tmp_path / "disk")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["small", "limited"])
async def test_a_full_disk_loses_nothing_and_the_server_recovers_without_a_restart(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    disk: SmallDisk = request.getfixturevalue(kind)
    data = disk.path / "data"
    listen = f"localhost:{free_port()}"
    made = farhand_server(tmp_path, "init", "--data", str(data), "--listen", listen)
    assert made.returncode == 0, made.stderr
    async with (
        server_process(tmp_path, data) as server,
        load(reach(data, tmp_path), tmp_path) as operator,
    ):
        async with operator.going():
            await operator.more(5)
            disk.fill(server.process.pid)
            await operator.refused(3)
            if disk.shows_room:
                await server.event("disk almost full: no job is given away and no output taken")
            disk.free(server.process.pid)
            if disk.shows_room:
                await server.event("disk has room again")
            await operator.more(5)
        await operator.settle()
        assert server.process.returncode is None
        checked = await asyncio.to_thread(farhand_server, tmp_path, "check", "--data", str(data))
        assert checked.returncode == 0, checked.stdout
