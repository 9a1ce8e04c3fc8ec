"""What a worker may not do with output: refused, counted for it, and nobody else notices."""

import hashlib
import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass

import grpc
import pytest
from tests.support.edge import Caller, Edge, Refused, Worker, eventually, joining, refusal
from tests.support.edge_jobs import OUT, Frame, end, output, publish, result, running, start

from farhand_server.core import output as rules
from farhand_server.engine.desk import UNSTORED_BYTES
from farhand_wire import spool as spools
from farhand_wire.spool import Exit
from farhand_wire.v1 import hybrid_worker_pb2, job_pb2, worker_pb2

HI = spools.pack(OUT, 0, b"hi\n")
HO = spools.pack(OUT, 0, b"ho\n")
MORE = spools.pack(OUT, 1, b"more\n")
EXIT = spools.pack_exit(Exit(code=0), 9)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Two workers of one group, each with a job that runs: one keeps the protocol."""

    owner: Caller
    rogue: Worker
    #: The rogue's own attempt, of which HI is stored.
    own: worker_pb2.Grant
    victim: Worker
    victims: worker_pb2.Grant

    async def refused(self) -> Refused:
        """How the rogue's stream ended."""
        return await refusal(self.rogue.call)

    async def counted(self, worker: str = "w1") -> dict[str, int]:
        """What was refused of a worker."""
        request = hybrid_worker_pb2.GetHybridWorkerRequest(worker=worker)
        seen = await self.owner.ask(self.owner.workers.GetHybridWorker, request)
        return dict(seen.worker.refused_frames)

    async def has_counted(self, reason: str, times: int = 1) -> None:
        async def holds() -> bool:
            return await self.counted() == {reason: times}

        await eventually(holds)

    async def stored(self, grant: worker_pb2.Grant) -> bytes:
        request = job_pb2.ReadJobOutputRequest(job_id=grant.job_id, raw=True)
        items = await self.owner.all(self.owner.jobs.ReadJobOutput, request)
        return b"".join(item.output.data for item in items)

    async def return_and_finish(self, sent: bytes) -> None:
        """The rogue comes back, sends what is missing of `sent` and the end of its job."""
        stored = await self.back("ATTEMPT_PHASE_RUNNING", len(sent))
        if sent[stored:]:
            await self.rogue.say(output(self.own, stored, sent[stored:]))
        await end(self.rogue, self.own, sent)

    async def back(self, phase: str, size: int) -> int:
        """The rogue comes back with its own attempt; how much of that is stored."""
        entry = worker_pb2.JournalEntry(
            job_id=self.own.job_id, attempt=self.own.attempt, phase=phase, size=size
        )
        welcome = await self.rogue.serve(journal=[entry])
        stored: int = getattr(welcome.verdicts[0], "continue").stored
        return stored

    async def over(self, grant: worker_pb2.Grant) -> tuple[job_pb2.Job, job_pb2.JobReceipt]:
        """A job that has ended, and its receipt."""
        ask, jobs, job = self.owner.ask, self.owner.jobs, grant.job_id
        seen = await ask(jobs.GetJob, job_pb2.GetJobRequest(job_id=job))
        made = await ask(jobs.GetJobReceipt, job_pb2.GetJobReceiptRequest(job_id=job))
        return seen.job, made.receipts[0]

    async def victim_is_unaffected(self) -> None:
        """Its stream stands, nothing was counted for it, its job ends with its own output."""
        await self.victim.say(output(self.victims, len(HI), MORE))
        await end(self.victim, self.victims, HI + MORE)

        assert await self.stored(self.victims) == b"hi\nmore\n"
        assert await self.counted("w2") == {}
        _, made = await self.over(self.victims)
        assert made.verified, made.why
        assert made.streams[0].sha256 == hashlib.sha256(b"hi\nmore\n").hexdigest()


@pytest.fixture
async def stage(owner: Caller, worker: Worker, other: Worker) -> Stage:
    await publish(owner)
    victims = await running(owner, other, HI)
    await other.say(Frame(drain=worker_pb2.Drain(reason="the next job is for somebody else")))
    own = await running(owner, worker, HI)
    return Stage(owner=owner, rogue=worker, own=own, victim=other, victims=victims)


@pytest.mark.parametrize("what", ["output", "result", "the next attempt", "an unknown job"])
async def test_what_is_anothers_cannot_be_touched(stage: Stage, what: str) -> None:
    theirs = worker_pb2.Grant()
    theirs.CopyFrom(stage.victims)
    if what == "the next attempt":
        theirs.attempt += 1
    elif what == "an unknown job":
        theirs.job_id = "018f2b3c-0000-7000-8000-00000000dead"
    frame = output(theirs, len(HI), HO)
    await stage.rogue.say(result(theirs, HI) if what == "result" else frame)

    assert (await stage.refused()).code == grpc.StatusCode.FAILED_PRECONDITION
    assert await stage.counted() == {rules.NOT_YOURS: 1}
    await stage.victim_is_unaffected()


async def test_a_result_for_a_job_that_waits_is_refused(stage: Stage) -> None:
    await stage.rogue.say(Frame(drain=worker_pb2.Drain(reason="I do not take it")))
    waiting = await start(stage.owner)
    grant = worker_pb2.Grant(job_id=waiting.job_id, attempt=1)
    await stage.rogue.say(result(grant, b""))

    assert rules.NOT_YOURS in (await stage.refused()).message
    assert await stage.counted() == {rules.NOT_YOURS: 1}
    got = await stage.owner.ask(
        stage.owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=waiting.job_id)
    )
    assert got.job.status == job_pb2.JOB_STATUS_NEW
    await stage.victim_is_unaffected()


async def test_a_gap_is_asked_for_and_counted(stage: Stage) -> None:
    await stage.rogue.say(output(stage.own, 1000, MORE))
    asked = await stage.rogue.until("resend")
    await stage.rogue.say(output(stage.own, asked.offset, MORE))
    await end(stage.rogue, stage.own, HI + MORE)

    assert asked.offset == len(HI)
    assert await stage.stored(stage.own) == b"hi\nmore\n"
    assert await stage.counted() == {rules.GAP: 1}
    await stage.victim_is_unaffected()


async def test_other_bytes_at_the_same_place_are_dropped_and_counted(stage: Stage) -> None:
    await stage.rogue.say(output(stage.own, 0, HO))
    await stage.has_counted(rules.OTHER_BYTES)
    await stage.rogue.say(output(stage.own, 0, HO + MORE), output(stage.own, len(HI), MORE))
    await stage.has_counted(rules.OTHER_BYTES, 2)
    await end(stage.rogue, stage.own, HI + MORE)

    assert await stage.stored(stage.own) == b"hi\nmore\n"
    await stage.victim_is_unaffected()


async def test_the_same_bytes_again_are_nobodys_fault(stage: Stage) -> None:
    await stage.rogue.say(output(stage.own, 0, HI), output(stage.own, 0, HI + MORE))
    await end(stage.rogue, stage.own, HI + MORE)

    assert await stage.stored(stage.own) == b"hi\nmore\n"
    assert await stage.counted() == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (MORE[:-1], rules.TORN),
        (b"\x63" + MORE[1:], rules.TORN),
        (spools.pack(spools.Kind.OMITTED, 0, b"{}"), rules.TORN),
    ],
    ids=["a cut entry", "an unknown kind", "a gap that is none"],
)
async def test_output_that_cannot_be_read_is_refused(
    stage: Stage, data: bytes, reason: str
) -> None:
    await stage.rogue.say(output(stage.own, len(HI), data))

    assert (await stage.refused()).message == reason
    assert await stage.counted() == {reason: 1}
    await stage.return_and_finish(HI + MORE)
    assert await stage.stored(stage.own) == b"hi\nmore\n"
    await stage.victim_is_unaffected()


@pytest.mark.parametrize("wrong", ["checksum", "size"])
async def test_a_result_that_does_not_fit_its_output_ends_nothing(stage: Stage, wrong: str) -> None:
    frame = result(stage.own, HI)
    reason = rules.WRONG_RESULT
    if wrong == "checksum":
        frame.result.crc ^= 1
    else:
        frame.result.size -= 1
        reason = rules.TOO_SHORT
    await stage.rogue.say(frame)

    assert (await stage.refused()).message == reason
    assert await stage.counted() == {reason: 1}
    got = await stage.owner.ask(
        stage.owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=stage.own.job_id)
    )
    assert got.job.status in (job_pb2.JOB_STATUS_ACTIVATING, job_pb2.JOB_STATUS_RUNNING)
    await stage.return_and_finish(HI)
    await stage.victim_is_unaffected()


@pytest.mark.parametrize("wrong", ["checksum", "size"])
async def test_a_result_that_never_fits_ends_its_job_and_is_never_verified(
    stage: Stage, wrong: str
) -> None:
    """What is stored and what its worker has differ for good; how the script ended is known."""
    whole = HI + spools.pack_exit(Exit(code=3), 9)
    frame = result(stage.own, whole, 3)
    if wrong == "checksum":
        frame.result.crc ^= 1
    else:
        frame.result.size = len(HI)
    await stage.rogue.say(output(stage.own, len(HI), whole[len(HI) :]), frame)
    for _ in range(rules.REFUSED_RESULTS):
        await stage.refused()
        await stage.back("ATTEMPT_PHASE_EXITED", len(whole))
        await stage.rogue.say(frame)
    await stage.rogue.until("result_ack")

    reason = rules.WRONG_RESULT if wrong == "checksum" else rules.TOO_SHORT
    assert await stage.counted() == {reason: rules.REFUSED_RESULTS + 1}
    job, made = await stage.over(stage.own)
    assert (job.status, job.exit_code) == (job_pb2.JOB_STATUS_FAILED, 3)
    assert job.status_details.endswith("is not what its worker reported")
    assert not made.verified
    assert f"{len(whole)} with {zlib.crc32(whole):08x} here" in made.why
    assert await stage.stored(stage.own) == b"hi\n"
    await stage.victim_is_unaffected()


async def test_a_result_of_more_output_than_came_is_asked_for_again(stage: Stage) -> None:
    await stage.rogue.say(result(stage.own, HI + MORE + EXIT))
    asked = await stage.rogue.until("resend")
    await stage.rogue.say(output(stage.own, asked.offset, MORE))
    await end(stage.rogue, stage.own, HI + MORE)

    assert asked.offset == len(HI)
    assert await stage.counted() == {rules.TOO_LONG: 1}
    await stage.victim_is_unaffected()


async def test_output_of_an_attempt_that_is_over_is_dropped_and_counted(stage: Stage) -> None:
    await end(stage.rogue, stage.own, HI)
    await stage.rogue.say(output(stage.own, len(HI + EXIT), MORE), result(stage.own, HI + EXIT))
    await stage.has_counted(rules.OVER, 2)
    await stage.rogue.beat(2)
    await stage.rogue.until("heartbeat_ack")

    assert await stage.stored(stage.own) == b"hi\n"
    await stage.victim_is_unaffected()


async def test_an_agent_that_ignores_its_window_is_cut_off(stage: Stage, server: Edge) -> None:
    entry = spools.pack(OUT, 0, b"x" * spools.PAYLOAD_BYTES)
    offsets = range(len(HI), len(HI) + UNSTORED_BYTES + 1, 3 * len(entry))
    with closing(sqlite3.connect(server.data / "output.db")) as database:
        database.execute("BEGIN IMMEDIATE")  # nothing can be stored meanwhile
        for offset in offsets:
            await stage.rogue.say(output(stage.own, offset, 3 * entry))
        refused = await stage.refused()
        database.rollback()

    assert refused.message == rules.BEYOND_WINDOW
    assert await stage.counted() == {rules.BEYOND_WINDOW: 1}
    await stage.victim_is_unaffected()


async def test_what_is_refused_in_the_session_of_joining_is_counted_too(
    stage: Stage, server: Edge
) -> None:
    async with server.channel() as channel:
        machine = await joining(stage.owner, channel, "w3")
        await machine.say(output(stage.victims, len(HI), HO))
        await refusal(machine.call)

        assert await stage.counted("w3") == {rules.NOT_YOURS: 1}
    await stage.victim_is_unaffected()
