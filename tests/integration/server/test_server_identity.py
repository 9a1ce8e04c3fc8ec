"""Who a worker is, over the real edge: copies, lost answers, restores, and ids that stay unique."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.support.edge import (
    Caller,
    Edge,
    Refused,
    Worker,
    again,
    edge,
    eventually,
    joining,
    refusal,
    refused_with,
)
from tests.support.edge_jobs import OUT, end, granted, publish, running, start

from farhand_server.app import Tuning
from farhand_wire import spool as spools
from farhand_wire import transcript
from farhand_wire.v1 import account_pb2, hybrid_worker_pb2, job_pb2, worker_pb2

Frame = worker_pb2.AgentFrame


def machine(name: str) -> dict[str, Any]:
    """What the agent of this machine says of itself."""
    return {
        "boot_id": f"boot-{name}",
        "instance": f"agent-{name}",
        "journal_id": f"journal-{name}",
        "facts": worker_pb2.Facts(
            host_name=name, machine_id=f"machine-{name}", runbook_types=["RUNBOOK_TYPE_BASH"]
        ),
    }


async def look(owner: Caller) -> hybrid_worker_pb2.HybridWorker:
    request = hybrid_worker_pb2.GetHybridWorkerRequest(worker="w1")
    seen: hybrid_worker_pb2.HybridWorker = (
        await owner.ask(owner.workers.GetHybridWorker, request)
    ).worker
    return seen


async def resume(owner: Caller, name: str = "") -> hybrid_worker_pb2.HybridWorker:
    request = hybrid_worker_pb2.ResumeHybridWorkerRequest(worker="w1", machine=name)
    seen: hybrid_worker_pb2.HybridWorker = (
        await owner.ask(owner.workers.ResumeHybridWorker, request)
    ).worker
    return seen


async def resume_refused(owner: Caller, name: str = "") -> Refused:
    try:
        await resume(owner, name)
    except grpc.aio.AioRpcError as error:
        return refused_with(error)
    raise AssertionError("it was allowed")


async def account(owner: Caller) -> account_pb2.GetAccountResponse:
    answer: account_pb2.GetAccountResponse = await owner.ask(
        owner.account.GetAccount, account_pb2.GetAccountRequest()
    )
    return answer


@contextlib.asynccontextmanager
async def joined(server: Edge, owner: Caller, name: str = "w1") -> AsyncIterator[Worker]:
    """Registered in group demo, not connected."""
    async with server.channel() as channel:
        worker = await joining(owner, channel, name)
        worker.call.cancel()
        yield worker


@contextlib.asynccontextmanager
async def copied(server: Edge, worker: Worker) -> AsyncIterator[Worker]:
    """The worker serves; a machine with a copy of its state directory was refused."""
    await worker.serve(**machine("a"))
    async with server.channel() as channel:
        copy = worker.on(channel)
        await worker.serve(**machine("a"))
        assert (await hello_refused(copy, "b")).reason == "SESSION_CONFLICT"
        yield copy


async def hello_refused(worker: Worker, name: str) -> Refused:
    worker.open()
    hello = worker.hello(**machine(name))
    await worker.say(Frame(hello=hello))
    await worker.prove(worker.hello_subject(hello), hello.client_nonce)
    return await refusal(worker.call)


# --- two agents with one identity -----------------------------------------------------------


async def test_both_machines_are_shown_to_the_operator(
    server: Edge, worker: Worker, owner: Caller
) -> None:
    async with copied(server, worker):
        seen = await look(owner)

    parties = seen.conflict.parties
    assert seen.conflict.undecided
    assert [(p.machine_id, p.boot_id, p.instance, p.host_name) for p in parties] == [
        ("machine-a", "boot-a", "agent-a", "a"),
        ("machine-b", "boot-b", "agent-b", "b"),
    ]
    assert [p.standing for p in parties] == [
        hybrid_worker_pb2.PARTY_STANDING_ACCEPTED,
        hybrid_worker_pb2.PARTY_STANDING_REFUSED,
    ]
    assert all(
        p.address and p.first_seen_time.seconds and p.last_seen_time.seconds for p in parties
    )
    assert seen.refused_frames == {"hello: session_conflict": 1}


async def test_the_operator_decides_and_the_other_one_is_refused_from_then_on(
    server: Edge, worker: Worker, owner: Caller
) -> None:
    async with copied(server, worker) as copy:
        seen = await resume(owner, "machine-b")
        assert not seen.conflict.undecided
        assert (await refusal(worker.call)).reason == "SESSION_CONFLICT"

        highest = worker.session_number
        assert (await copy.serve(**machine("b"))).session_number > highest
        told = await hello_refused(worker, "a")
        assert told.message == "an operator keeps another machine for this worker"
        assert "register --replace" in told.words["do"]
        assert [p.machine_id for p in (await look(owner)).conflict.parties] == [
            "machine-b",
            "machine-a",
        ]


async def test_a_job_does_not_notice_that_its_worker_was_copied(
    server: Edge, worker: Worker, owner: Caller
) -> None:
    await publish(owner)
    await worker.serve(**machine("a"))
    async with server.channel() as channel:
        copy = worker.on(channel)
        await worker.serve(**machine("a"))
        await start(owner)
        grant = await granted(worker)
        await hello_refused(copy, "b")
        await resume(owner, "machine-a")
    await end(worker, grant, b"")

    request = job_pb2.GetJobRequest(job_id=grant.job_id)
    job = (await owner.ask(owner.jobs.GetJob, request)).job
    assert job.status == job_pb2.JOB_STATUS_COMPLETED


async def test_a_name_that_fits_several_is_refused_with_all_of_them(
    server: Edge, worker: Worker, owner: Caller
) -> None:
    async with copied(server, worker):
        several = await resume_refused(owner, "machine-")
        unknown = await resume_refused(owner, "nowhere")
        without = await resume_refused(owner)

    assert [several.reason, unknown.reason, without.reason] == [
        "IDENTITY_DISPUTED",
        "PARTY_NOT_FOUND",
        "IDENTITY_DISPUTED",
    ]
    for told in (several, unknown, without):
        assert "machine-a" in told.words["why"] and "machine-b" in told.words["why"]
        assert "farhand worker resume w1 --machine machine-b" in told.words["do"]


async def test_an_operator_sees_the_interpreters_one_a_type_and_printable(
    worker: Worker, owner: Caller
) -> None:
    facts = worker_pb2.Facts(runbook_types=["RUNBOOK_TYPE_BASH"])
    facts.interpreters.add(runbook_type="RUNBOOK_TYPE_BASH", path="/bin/bash\n", version="5.2.15")
    facts.interpreters.add(runbook_type="RUNBOOK_TYPE_BASH", path="/bin/other")
    facts.interpreters.add(path="/bin/unknown")
    await worker.greet(facts=facts)

    seen = list((await look(owner)).facts.interpreters)

    assert [(each.path, each.version) for each in seen] == [("/bin/bash ", "5.2.15")]


async def test_a_name_is_not_longer_than_what_it_can_be(worker: Worker, owner: Caller) -> None:
    assert "machine" in (await resume_refused(owner, "m" * 257)).fields


async def test_a_conflict_outlives_the_server(tmp_path: Path, tuning: Tuning) -> None:
    async with (
        edge(tmp_path, tuning) as first,
        first.caller() as owner,
        joined(first, owner) as worker,
        copied(first, worker) as copy,
    ):
        pass
    async with again(first) as second, second.caller() as owner:
        assert (await look(owner)).conflict.undecided
        async with second.channel() as channel:
            told = await hello_refused(copy.on(channel), "b")
            assert told.reason == "SESSION_CONFLICT"
            await worker.on(channel).serve(**machine("a"))


# --- registration ---------------------------------------------------------------------------


async def test_a_machine_whose_answer_was_cut_off_gets_the_same_identity(
    server: Edge, owner: Caller
) -> None:
    request = account_pb2.CreateRegistrationTokenRequest(group="demo", uses=1)
    token = (await owner.ask(owner.account.CreateRegistrationToken, request)).token
    async with server.channel() as channel:
        joins = Worker(channel)
        joins.open()
        register = joins.register(token, "demo", "w1")
        await joins.say(Frame(register=register))
        subject = transcript.register_subject(
            token=token, group="demo", worker_name="w1", public_key=joins.public_key
        )
        await joins.prove(subject, register.client_nonce)

        async def is_known() -> bool:
            listed = await owner.ask(
                owner.workers.ListHybridWorkers, hybrid_worker_pb2.ListHybridWorkersRequest()
            )
            return len(listed.workers) == 1

        await eventually(is_known)
        joins.call.cancel()  # what the server answers, nobody reads
        known = await look(owner)
        await joins.join(token, "demo", "w1")

        assert joins.worker_id == known.worker_id
        await joins.serve(**machine("a"))


async def test_id_never_reused(server: Edge, worker: Worker, owner: Caller) -> None:
    """A machine that is deleted and joins again is another worker: what the old one held is out of
    its reach, by the old key and by the new one."""
    await publish(owner)
    grant = await running(owner, worker, spools.pack(OUT, 0, b"hi\n"))
    old = worker.worker_id
    request = hybrid_worker_pb2.DeleteHybridWorkerRequest(worker="w1", force=True)
    await owner.ask(owner.workers.DeleteHybridWorker, request)
    asked = job_pb2.GetJobRequest(job_id=grant.job_id)

    async def is_stored() -> bool:
        return bool((await owner.ask(owner.jobs.GetJob, asked)).job.output_bytes)

    await eventually(is_stored)
    before = await owner.ask(owner.jobs.GetJob, asked)

    assert (await hello_refused(worker, "a")).reason == "WORKER_UNKNOWN"
    async with joined(server, owner) as heir:
        assert heir.worker_id != old
        await heir.serve(**machine("a"))
        for frame in (
            Frame(started=worker_pb2.Started(job_id=grant.job_id, attempt=1)),
            Frame(
                result=worker_pb2.Result(
                    job_id=grant.job_id, attempt=1, exit=job_pb2.Exit(code=0), size=0
                )
            ),
        ):
            await heir.say(frame)
            assert (await refusal(heir.call)).reason == "PROTOCOL_VIOLATION"
            await heir.serve(**machine("a"))
        heir.worker_id = old
        assert (await hello_refused(heir, "a")).reason in ("PROOF_REFUSED", "WORKER_UNKNOWN")
    after = await owner.ask(owner.jobs.GetJob, asked)
    assert after == before


async def test_no_duplicate_execution_ids(tmp_path: Path, tuning: Tuning) -> None:
    """Over restarts no two executions have one name, and the same start is one job."""
    async with (
        edge(tmp_path, tuning) as first,
        first.caller() as owner,
        joined(first, owner) as worker,
    ):
        await publish(owner)
        executions = await run_some(owner, worker)
    for _ in range(2):
        async with again(first) as server, server.caller() as owner, server.channel() as channel:
            worker = worker.on(channel)
            executions += await run_some(owner, worker)
            known = executions[0][0]
            assert (await start(owner, job_id=known)).job_id == known

    assert len(executions) == len(set(executions)) == 12
    assert len({job for job, _ in executions}) == 12


async def run_some(owner: Caller, worker: Worker) -> list[tuple[str, int]]:
    """Four jobs from start to end; what each was called."""
    await worker.serve(**machine("a"))
    jobs = await asyncio.gather(*(start(owner) for _ in range(4)))
    assert len({job.job_id for job in jobs}) == 4
    grants = [await granted(worker) for _ in jobs]
    for grant in grants:
        await end(worker, grant, b"")
    worker.call.cancel()
    return [(grant.job_id, grant.attempt) for grant in grants]


# --- a server that was restored -------------------------------------------------------------


@pytest.mark.parametrize("released", [True, False])
async def test_a_restored_server_gives_nothing_away_before_its_workers_have_reported(
    tmp_path: Path, tuning: Tuning, released: bool
) -> None:
    async with (
        edge(tmp_path, tuning) as first,
        first.caller() as owner,
        joined(first, owner) as worker,
        joined(first, owner, "w2") as other,
    ):
        await publish(owner)
    with closing(sqlite3.connect(first.data / "farhand.db")) as rows, rows:
        rows.execute("UPDATE deployments SET generation = generation + 1, restored = 1")
    async with again(first) as server, server.caller() as owner, server.channel() as channel:
        worker, other = worker.on(channel), other.on(channel)
        worker.session_number = 4711
        await worker.serve(**machine("a"))
        assert worker.session_number == 4712
        job = await start(owner)
        seen = await account(owner)
        assert (seen.dispatch_paused, list(seen.unreported_workers)) == (True, ["w2"])
        assert seen.restore_time.nanos == 1_000_000
        why = await owner.ask(owner.jobs.ExplainJob, job_pb2.ExplainJobRequest(job_id=job.job_id))
        assert (why.code, [w.worker for w in why.workers]) == ("dispatch_paused", ["w2"])

        if released:
            await owner.ask(owner.account.ReleaseDispatch, account_pb2.ReleaseDispatchRequest())
        else:
            await other.greet(**machine("b"))
        assert (await granted(worker)).job_id == job.job_id
        seen = await account(owner)
        assert not seen.dispatch_paused
        assert list(seen.unreported_workers) == (["w2"] if released else [])
