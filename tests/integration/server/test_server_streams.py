"""The six streams over the wire: all of them are kept, and shown by Azure's rules."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.edge import Caller, Worker
from tests.support.edge_jobs import end, publish, running

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
