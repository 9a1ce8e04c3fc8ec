"""Much output at full speed: the server's memory and disk stay as they are, nothing is changed.

FARHAND_FLOOD_MB makes it long: 10000 is what the promise says.
"""

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.edge import Caller, Worker, eventually, joining
from tests.support.edge_jobs import publish
from tests.support.flood import PAYLOAD, Flood, followed, peak_bytes, pieces
from tests.support.server_process import (
    ServerProcess,
    farhand_server,
    free_port,
    reach,
    server_process,
)

from farhand_wire.v1 import job_pb2, worker_pb2

MB = 1_000_000
FLOOD_MB = int(os.environ.get("FARHAND_FLOOD_MB", "200"))
OUTPUT_MAX = 16 * 1024 * 1024
#: What the promise allows; it takes about a third of it.
GROWTH = 64 * MB
#: A long line may take so much longer than the same bytes with line breaks. It takes the same
#: time; other people use this machine, too.
RATIO = 4.0


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A server of its own process, an operator, and a worker that serves."""

    server: ServerProcess
    data: Path
    owner: Caller
    worker: Worker
    welcome: worker_pb2.Welcome


async def initialised(root: Path) -> Path:
    """A data directory."""
    data, address = root / "data", f"localhost:{free_port()}"
    done = await asyncio.to_thread(
        farhand_server, root, "init", "--data", str(data), "--listen", address
    )
    assert done.returncode == 0, done.stderr
    return data


@contextlib.asynccontextmanager
async def served(
    root: Path, data: Path, machine: Worker | None = None, *, arguments: Sequence[str] = ()
) -> AsyncIterator[Plane]:
    """A server on it. `machine`: one that has joined before and runs the first attempt."""
    async with server_process(root, data, *arguments) as server:
        edge = reach(data, root)
        async with edge.caller() as owner, edge.channel() as channel:
            if machine is None:
                worker = await joining(owner, channel, "w1")
                worker.call.cancel()
                await publish(owner)
                welcome = await worker.serve()
            else:
                worker = machine.on(channel)
                jobs = (await owner.ask(owner.jobs.ListJobs, job_pb2.ListJobsRequest())).jobs
                phase = "ATTEMPT_PHASE_RUNNING"
                welcome = await worker.serve(
                    journal=[
                        worker_pb2.JournalEntry(job_id=job.job_id, attempt=1, phase=phase)
                        for job in jobs
                    ]
                )
            yield Plane(server=server, data=data, owner=owner, worker=worker, welcome=welcome)


@pytest.fixture
async def roomy(tmp_path: Path) -> AsyncIterator[Plane]:
    async with served(tmp_path, await initialised(tmp_path)) as plane:
        yield plane


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Plane]:
    few = ("--output-max", str(OUTPUT_MAX))
    async with served(tmp_path, await initialised(tmp_path), arguments=few) as plane:
        yield plane


def numbered(count: int) -> Iterator[bytes]:
    """Entries that differ, so that one in the place of another is found."""
    filler = b"x" * (PAYLOAD - 16) + b"\n"
    return (b"%015d" % number + filler for number in range(count))


@pytest.mark.timeout(120 + FLOOD_MB)
async def test_a_flood_takes_bounded_memory_and_bounded_disk(narrow: Plane) -> None:
    owner, count = narrow.owner, FLOOD_MB * MB // PAYLOAD
    flood = await Flood.begin(owner, narrow.worker)
    await flood.write(numbered(10))
    before = peak_bytes(narrow.server.process.pid)
    # Somebody follows and does not read.
    stalled = owner.stream(
        owner.jobs.FollowJobOutput, job_pb2.FollowJobOutputRequest(job_id=flood.job_id, raw=True)
    )
    await anext(stalled)
    await flood.write(numbered(count))
    await flood.end()
    growth = peak_bytes(narrow.server.process.pid) - before
    sizes = {file.name: file.stat().st_size for file in narrow.data.glob("output.db*")}

    print(f"{flood.written / MB:.0f} MB: {growth / MB:.0f} MB more memory, files {sizes}")
    assert growth < GROWTH, f"{growth / MB:.0f} MB more"
    assert sizes["output.db"] < 1.5 * OUTPUT_MAX, sizes
    assert sum(sizes.values()) < 1.5 * OUTPUT_MAX + 64 * MB, sizes
    await the_kept_ranges_are_what_was_written(owner, flood, count)


async def the_kept_ranges_are_what_was_written(owner: Caller, flood: Flood, count: int) -> None:
    request = job_pb2.ReadJobOutputRequest(job_id=flood.job_id, raw=True)
    items = await owner.all(owner.jobs.ReadJobOutput, request)
    gap = next(number for number, item in enumerate(items) if item.HasField("omitted"))
    head = b"".join(item.output.data for item in items[:gap])
    tail = b"".join(item.output.data for item in items[gap + 1 :])
    first = b"".join(numbered(10)) + b"".join(
        payload for _, payload in zip(range(len(head) // PAYLOAD), numbered(count), strict=False)
    )
    last = b"".join(list(numbered(count))[-(len(tail) // PAYLOAD) :])
    omitted = items[gap].omitted

    assert head == first[: len(head)]
    assert tail == last
    assert len(head) + len(tail) > 0.9 * OUTPUT_MAX
    left_out = flood.written - len(head) - len(tail)
    entries = left_out // PAYLOAD
    assert omitted.to_offset - omitted.from_offset == left_out + 12 * entries
    made = await receipt(owner, flood.job_id)
    assert [range_.to_offset for range_ in made.missing] == [omitted.to_offset]


SAME_BYTES = {
    "a line of 100 MB": (b"x" * 100 * MB, b"\n" + b"x" * 79),
    "a progress bar of 20 MB": (b"[####    ] 42 %\r" * (20 * MB // 16), b"[####    ] 42 %\n"),
    "a million empty lines": (b"\n" * MB, b"x" * 79 + b"\n"),
}


async def test_100mb_line(roomy: Plane) -> None:
    for case, (data, line) in SAME_BYTES.items():
        broken = (line * (len(data) // len(line) + 1))[: len(data)]
        ours, usual = await seconds(roomy, data), await seconds(roomy, broken)

        assert ours < RATIO * usual + 1, f"{case}: {ours:.1f} s; with other breaks {usual:.1f} s"


async def seconds(plane: Plane, data: bytes) -> float:
    """How long it takes to write, store and follow; every byte of it is there."""
    begun = time.perf_counter()
    flood = await Flood.begin(plane.owner, plane.worker)
    follower = asyncio.create_task(followed(plane.owner, flood.job_id))
    await flood.write(pieces(data))
    await flood.end()
    size, digest = await follower
    took = time.perf_counter() - begun
    made = await receipt(plane.owner, flood.job_id)

    assert (size, made.verified) == (len(data), True), made.why
    assert made.streams[0].sha256 == digest == hashlib.sha256(data).hexdigest()
    assert made.streams[0].lines == data.count(b"\n") + (not data.endswith(b"\n"))
    return took


async def receipt(owner: Caller, job_id: str) -> job_pb2.JobReceipt:
    request = job_pb2.GetJobReceiptRequest(job_id=job_id)
    made: job_pb2.JobReceipt = (await owner.ask(owner.jobs.GetJobReceipt, request)).receipts[0]
    return made


async def test_kill_9_in_a_flood_claims_nothing_that_is_not_stored(tmp_path: Path) -> None:
    data = await initialised(tmp_path)
    payloads = list(numbered(600))
    async with served(tmp_path, data) as first:
        flood = await Flood.begin(first.owner, first.worker)
        await flood.write(payloads[:200])
        writing = asyncio.create_task(flood.write(payloads[200:]))

        async def half_is_stored() -> bool:
            return writing.done() or flood.stored > len(payloads) // 2 * PAYLOAD

        await eventually(half_is_stored)
        first.server.process.kill()
        await asyncio.gather(writing, return_exceptions=True)
        told, machine = flood.stored, first.worker
    async with served(tmp_path, data, machine) as second:
        made = await receipt(second.owner, flood.job_id)
        stored = getattr(second.welcome.verdicts[0], "continue").stored

        assert made.why.startswith("attempt 1: the job is "), made.why
        assert "what is here so far" in made.why
        assert (made.spool_bytes, stored % (PAYLOAD + 12)) == (stored, 0)
        assert told <= stored <= len(payloads) * (PAYLOAD + 12)
        flood.go_on(second.worker, payloads[: stored // (PAYLOAD + 12)])
        await flood.write(payloads[stored // (PAYLOAD + 12) :])
        await flood.end()
        over = await receipt(second.owner, flood.job_id)
    assert over.verified, over.why
    assert over.streams[0].sha256 == hashlib.sha256(b"".join(payloads)).hexdigest()
