"""The six streams over the wire: all of them are kept, and shown by Azure's rules."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.edge import Caller, Edge, Worker, refusal
from tests.support.edge_jobs import end, output, publish, running

from farhand_wire import spool as spools
from farhand_wire.spool import STREAMS
from farhand_wire.v1 import job_pb2, runbook_pb2, worker_pb2

SPOOL = b"".join(spools.pack(kind, 1, f"{kind.name}\n".encode()) for kind in sorted(STREAMS))
ALWAYS = ["OUTPUT", "ERROR", "WARNING"]


async def switched(owner: Caller, *switches: str) -> None:
    """The runbook, with these switches on."""
    await publish(owner)
    if not switches:
        return
    on: dict[str, Any] = dict.fromkeys(switches, True)
    wanted = runbook_pb2.Runbook(name="hello", **on)
    request = runbook_pb2.UpdateRunbookRequest(runbook=wanted)
    request.update_mask.paths.extend(switches)
    await owner.ask(owner.runbooks.UpdateRunbook, request)


async def told(owner: Caller, grant: worker_pb2.Grant, streams: Sequence[str] = ()) -> list[str]:
    request = job_pb2.ReadJobOutputRequest(
        job_id=grant.job_id, streams=[f"JOB_STREAM_{stream}" for stream in streams]
    )
    answers = await owner.all(owner.jobs.ReadJobOutput, request)
    return [answer.output.text.rstrip() for answer in answers]


@pytest.mark.parametrize(
    ("switches", "shown"),
    [
        ((), ALWAYS),
        (("log_verbose",), [*ALWAYS, "VERBOSE"]),
        (("log_progress",), [*ALWAYS, "PROGRESS"]),
        (("log_verbose", "log_progress"), [*ALWAYS, "VERBOSE", "PROGRESS"]),
    ],
)
async def test_verbose_and_progress_are_shown_where_the_runbook_says_so(
    owner: Caller, worker: Worker, switches: tuple[str, ...], shown: list[str]
) -> None:
    await switched(owner, *switches)
    grant = await running(owner, worker, SPOOL)
    await end(worker, grant, SPOOL)

    assert await told(owner, grant) == shown


async def test_everything_is_kept_and_shown_to_whoever_names_it(
    owner: Caller, worker: Worker
) -> None:
    await switched(owner)
    grant = await running(owner, worker, SPOOL)
    await end(worker, grant, SPOOL)
    names = [kind.name for kind in sorted(STREAMS)]
    request = job_pb2.GetJobReceiptRequest(job_id=grant.job_id)
    receipt = (await owner.ask(owner.jobs.GetJobReceipt, request)).receipts[0]

    assert await told(owner, grant, names) == names
    assert await told(owner, grant, ["DEBUG"]) == ["DEBUG"]
    assert receipt.verified
    assert {job_pb2.JobStream.Name(each.stream) for each in receipt.streams} == {
        f"JOB_STREAM_{name}" for name in names
    }


async def test_a_job_keeps_the_switches_that_it_was_started_with(
    owner: Caller, worker: Worker
) -> None:
    await switched(owner, "log_verbose")
    grant = await running(owner, worker, SPOOL)
    request = runbook_pb2.UpdateRunbookRequest(runbook=runbook_pb2.Runbook(name="hello"))
    request.update_mask.paths.append("log_verbose")
    await owner.ask(owner.runbooks.UpdateRunbook, request)
    await end(worker, grant, SPOOL)

    assert await told(owner, grant) == [*ALWAYS, "VERBOSE"]


# --- records --------------------------------------------------------------------------------


async def records(owner: Caller, job: str, **fields: Any) -> list[job_pb2.OutputRecord]:
    position = fields.pop("position", None)
    request = job_pb2.ReadJobOutputRequest(job_id=job, records=True, **fields)
    if position is not None:
        getattr(request, "from").CopyFrom(position)
    answers = await owner.all(owner.jobs.ReadJobOutput, request)
    return [answer.output for answer in answers]


EVERY = [f"JOB_STREAM_{kind.name}" for kind in sorted(STREAMS)]


async def test_records_carry_time_number_stream_and_version(owner: Caller, worker: Worker) -> None:
    await switched(owner)
    grant = await running(owner, worker, SPOOL)
    found = await records(owner, grant.job_id, streams=EVERY)
    await end(worker, grant, SPOOL)

    assert [record.sequence for record in found] == list(range(6))
    assert [int(record.stream) for record in found] == [int(kind) for kind in sorted(STREAMS)]
    assert {(record.runbook_version, record.record_count) for record in found} == {(1, 1)}
    assert all(record.time.seconds for record in found)
    assert await records(owner, grant.job_id, streams=EVERY) == found


async def test_records_keep_their_numbers_when_they_are_sent_again_and_from_anywhere(
    owner: Caller, worker: Worker, server: Edge
) -> None:
    await switched(owner)
    first = spools.pack(spools.Kind.OUTPUT, 0, b"a\n")
    grant = await running(owner, worker, first)
    worker.call.cancel()
    async with server.channel() as channel:
        back = worker.on(channel)
        entry = worker_pb2.JournalEntry(
            job_id=grant.job_id, attempt=1, phase=worker_pb2.ATTEMPT_PHASE_RUNNING, size=len(first)
        )
        await back.serve(journal=[entry])
        # All of it again, and more: what is known is not counted twice.
        await back.say(output(grant, 0, first + SPOOL))
        await end(back, grant, first + SPOOL)

    every = await records(owner, grant.job_id, streams=EVERY)
    assert [record.sequence for record in every] == list(range(7))
    third = job_pb2.OutputPosition(sequence=3)
    assert await records(owner, grant.job_id, streams=EVERY, position=third) == every[3:]
    assert await records(owner, grant.job_id, streams=EVERY, position=every[4].next) == every[5:]
    last = await records(owner, grant.job_id, tail_lines=1)
    assert [record.sequence for record in last] == [3]  # a warning is the last that is shown


async def test_a_place_is_an_offset_or_a_record(owner: Caller, worker: Worker) -> None:
    await switched(owner)
    grant = await running(owner, worker, SPOOL)
    both = job_pb2.OutputPosition(offset=1, sequence=1)
    request = job_pb2.ReadJobOutputRequest(job_id=grant.job_id)
    getattr(request, "from").CopyFrom(both)
    refused = await refusal(owner.jobs.ReadJobOutput(request, metadata=owner.metadata))

    assert refused.fields == {"from.sequence": "cannot be combined with offset"}
