"""Receipts as operators ask for them, of a server on its own files."""

import hashlib
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from tests.support.edge import Caller, Edge, Worker, refusal
from tests.support.edge_jobs import ERR, OUT, end, output, publish, running, start

from farhand_server.model.output import LEFT_OUT
from farhand_wire import limits
from farhand_wire import spool as spools
from farhand_wire.spool import Exit
from farhand_wire.v1 import job_pb2, worker_pb2

SENT = spools.pack(OUT, 0, bytes(range(256))) + spools.pack(ERR, 1, b"one\ntwo")
EXIT = spools.pack_exit(Exit(code=0), 9)


async def receipts(owner: Caller, job_id: str, **values: Any) -> list[job_pb2.JobReceipt]:
    request = job_pb2.GetJobReceiptRequest(job_id=job_id, **values)
    return list((await owner.ask(owner.jobs.GetJobReceipt, request)).receipts)


async def begun(owner: Caller, worker: Worker, sent: bytes = SENT) -> worker_pb2.Grant:
    """A job of which `sent` is stored."""
    await publish(owner)
    return await running(owner, worker, sent)


async def test_a_receipt_says_lines_bytes_and_hashes(owner: Caller, worker: Worker) -> None:
    grant = await begun(owner, worker)
    await end(worker, grant, SENT)

    (made,) = await receipts(owner, grant.job_id[:20])

    assert (made.attempt, made.verified, made.why) == (1, True, "")
    assert made.spool_bytes == len(SENT + EXIT)
    assert [(s.stream, s.lines, s.bytes, s.sha256) for s in made.streams] == [
        (1, 2, 256, hashlib.sha256(bytes(range(256))).hexdigest()),
        (2, 2, 7, hashlib.sha256(b"one\ntwo").hexdigest()),
    ]


async def test_a_flipped_bit_in_a_stored_chunk_is_found(
    server: Edge, owner: Caller, worker: Worker
) -> None:
    grant = await begun(owner, worker)
    await end(worker, grant, SENT)
    with closing(sqlite3.connect(server.data / "output.db")) as database:
        (data,) = database.execute("SELECT data FROM chunks WHERE offset = 0").fetchone()
        flipped = bytearray(data)
        flipped[100] ^= 1
        database.execute("UPDATE chunks SET data = ? WHERE offset = 0", (flipped,))
        database.commit()

    (made,) = await receipts(owner, grant.job_id)

    assert not made.verified
    assert made.why.startswith("attempt 1: what is stored is not what came: its CRC-32 is ")


async def test_a_job_that_runs_has_what_is_there_so_far(owner: Caller, worker: Worker) -> None:
    grant = await begun(owner, worker)
    (made,) = await receipts(owner, grant.job_id)
    await end(worker, grant, SENT)
    (over,) = await receipts(owner, grant.job_id)

    assert not made.verified
    assert "this is what is here so far" in made.why
    assert list(made.streams) == list(over.streams)
    assert over.verified


async def test_every_attempt_may_be_asked_for(owner: Caller, worker: Worker) -> None:
    grant = await begun(owner, worker)
    await end(worker, grant, SENT)

    assert await receipts(owner, grant.job_id, attempt=1) == await receipts(
        owner, grant.job_id, every_attempt=True
    )
    refused = await refusal(receipts(owner, grant.job_id, attempt=2))
    both = await refusal(receipts(owner, grant.job_id, attempt=1, every_attempt=True))
    assert refused.fields == {"attempt": "is 2; the job has 1 so far"}
    assert both.fields == {"attempt": "cannot be combined with every_attempt"}


async def test_a_job_that_waits_has_none(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    job = await start(owner)

    assert await receipts(owner, job.job_id) == []
    assert await receipts(owner, job.job_id, every_attempt=True) == []


# --- with little room -----------------------------------------------------------------------


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"output_max": limits.OUTPUT_MAX_BYTES_LEAST}


async def test_beyond_output_max_the_middle_is_named_and_the_job_does_not_notice(
    server: Edge, owner: Caller, worker: Worker
) -> None:
    entries = [spools.pack(OUT, n, b"%07d\n" % n * 7_500) for n in range(100)]
    sent = entries[0]
    grant = await begun(owner, worker, sent)
    follow = owner.stream(
        owner.jobs.FollowJobOutput, job_pb2.FollowJobOutputRequest(job_id=grant.job_id, raw=True)
    )
    for entry in entries[1:]:
        await worker.say(output(grant, len(sent), entry))
        sent += entry
        while (await worker.until("output_ack")).stored < len(sent):
            pass
    await end(worker, grant, sent)
    (made,) = await receipts(owner, grant.job_id)
    request = job_pb2.ReadJobOutputRequest(job_id=grant.job_id, raw=True)
    items = await owner.all(owner.jobs.ReadJobOutput, request)
    (gap,) = [item.omitted for item in items if item.HasField("omitted")]

    assert len(sent) > 5 * limits.OUTPUT_MAX_BYTES_LEAST
    assert [(m.from_offset, m.to_offset, m.reason) for m in made.missing] == [
        (gap.from_offset, gap.to_offset, LEFT_OUT)
    ]
    assert not made.verified
    assert {stream.sha256 for stream in made.streams} == {""}
    kept = b"".join(item.output.data for item in items)
    payload = b"".join(bytes(entry.payload) for entry in spools.entries(sent))
    size = spools.HEADER.size + 60_000
    head, tail = gap.from_offset // size * 60_000, gap.to_offset // size * 60_000
    assert kept == payload[:head] + payload[tail:]
    assert (gap.next.attempt, gap.next.offset) == (1, gap.to_offset)
    followed = [item async for item in follow]
    assert followed[-1].status.status == job_pb2.JOB_STATUS_COMPLETED
    assert followed[-1].status.output_bytes == len(payload)
    request.tail_lines = 3
    tail_items = await owner.all(owner.jobs.ReadJobOutput, request)
    assert b"".join(item.output.data for item in tail_items) == b"0000099\n" * 3
