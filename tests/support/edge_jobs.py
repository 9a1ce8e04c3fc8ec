"""Jobs on the real server, served by a worker made by hand."""

import zlib
from typing import Any

from tests.support.edge import Caller, Worker

from farhand_wire import spool as spools
from farhand_wire.spool import Exit, Kind
from farhand_wire.v1 import job_pb2, runbook_pb2, worker_pb2

Frame = worker_pb2.AgentFrame
OUT, ERR = Kind.OUTPUT, Kind.ERROR


async def publish(owner: Caller, name: str = "hello") -> None:
    await owner.ask(
        owner.runbooks.ImportRunbook,
        runbook_pb2.ImportRunbookRequest(
            name=name, type="RUNBOOK_TYPE_BASH", content=b"echo hi\n", publish=True
        ),
    )


async def start(owner: Caller, **values: Any) -> job_pb2.Job:
    request = job_pb2.StartJobRequest(**({"runbook": "hello", "run_on": "demo"} | values))
    job: job_pb2.Job = (await owner.ask(owner.jobs.StartJob, request)).job
    return job


async def granted(worker: Worker) -> worker_pb2.Grant:
    """Takes what is offered, until a job is granted."""
    while (frame := await worker.next()) is not None:
        match frame.WhichOneof("frame"):
            case "offer":
                accept = worker_pb2.Accept(offer_id=frame.offer.offer_id)
                await worker.say(Frame(accept=accept))
            case "grant":
                return frame.grant
    raise AssertionError("the stream ended")


def started(grant: worker_pb2.Grant) -> Frame:
    return Frame(started=worker_pb2.Started(job_id=grant.job_id, attempt=grant.attempt))


def output(grant: worker_pb2.Grant, offset: int, data: bytes) -> Frame:
    return Frame(
        output=worker_pb2.Output(
            job_id=grant.job_id, attempt=grant.attempt, offset=offset, data=data
        )
    )


def result(grant: worker_pb2.Grant, spool: bytes, code: int = 0) -> Frame:
    return Frame(
        result=worker_pb2.Result(
            job_id=grant.job_id,
            attempt=grant.attempt,
            exit=job_pb2.Exit(code=code),
            size=len(spool),
            crc=zlib.crc32(spool),
        )
    )


async def running(owner: Caller, worker: Worker, sent: bytes) -> worker_pb2.Grant:
    """A job on the only worker that takes one, with this much of its output stored."""
    await worker.serve()
    await start(owner)
    grant = await granted(worker)
    await worker.say(started(grant), output(grant, 0, sent))
    while (await worker.until("output_ack")).stored < len(sent):
        pass
    return grant


async def end(worker: Worker, grant: worker_pb2.Grant, sent: bytes, code: int = 0) -> None:
    """The script exits; the server says that it knows."""
    exit_ = spools.pack_exit(Exit(code=code), 9)
    await worker.say(output(grant, len(sent), exit_), result(grant, sent + exit_, code))
    await worker.until("result_ack")
