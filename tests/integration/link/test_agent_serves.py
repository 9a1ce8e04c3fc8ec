"""An agent, its runners, and a server on a loopback port."""

import os
import signal
from pathlib import Path
from typing import Any

from tests.support.agent_process import until
from tests.support.authority import authority
from tests.support.fault_proxy import CUT, PASS, FaultProxy
from tests.support.worker_jobs import Register, Start, children, connected, grant, maps, text
from tests.support.worker_server import WorkerServer

from farhand_wire.v1 import runbook_pb2, worker_pb2


async def test_an_offer_becomes_a_job_becomes_a_result(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    job = grant("echo hi; echo no >&2; exit 3", offer_id="o1")
    offer = worker_pb2.Offer(
        offer_id="o1",
        job_id=job.job_id,
        runbook_type=job.runbook_type,
        runbook_digest=job.runbook_digest,
        runbook_size=len(job.script),
    )
    session.send(offer=offer)
    accept = await session.next("accept")
    session.send(grant=job)
    await session.next("started")
    result = await session.next("result")

    assert accept == worker_pb2.Accept(offer_id="o1", cached=False)
    assert result.exit.code == 3
    assert result.size == len(server.spools[job.job_id, 1])
    assert text(server, job) == b"hi\n"


async def test_a_hello_says_what_the_machine_is(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start("--slots", "7"))

    hello = session.hello
    assert hello is not None
    assert hello.slots == 7
    assert hello.journal_id
    assert hello.boot_id
    assert runbook_pb2.RUNBOOK_TYPE_BASH in hello.facts.runbook_types


async def test_many_jobs_at_once_wait_for_runners_and_all_end(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    jobs = [grant(f"echo {n}") for n in range(20)]
    for job in jobs:
        session.send(grant=job)
    for _ in jobs:
        await session.next("result")

    assert [text(server, job) for job in jobs] == [f"{n}\n".encode() for n in range(20)]


async def test_a_grant_that_comes_twice_runs_once(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    session = await connected(server, await start())
    job = grant(f"echo ran >> {tmp_path}/witness")
    session.send(grant=job)
    session.send(grant=job)
    session.send(grant=grant("true"))
    await session.next("result")
    await session.next("result")

    assert (tmp_path / "witness").read_text() == "ran\n"


async def test_output_larger_than_the_window_arrives_whole(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    job = grant("seq 1000000")
    session.send(grant=job)
    result = await session.next("result")

    expected = "".join(f"{n}\n" for n in range(1, 1_000_001)).encode()
    assert text(server, job) == expected
    assert result.size == len(server.spools[job.job_id, 1])


async def test_stop_ends_a_job(register: Register, start: Start, server: WorkerServer) -> None:
    await register()
    session = await connected(server, await start())
    job = grant("echo up; sleep 1000")
    session.send(grant=job)
    await session.next("output")
    session.send(stop=worker_pb2.Stop(job_id=job.job_id, attempt=1, grace_ms=5000))
    result = await session.next("result")

    assert result.exit.signal == signal.SIGTERM
    assert result.exit.stopped


async def test_a_job_goes_on_while_the_stream_is_cut_and_nothing_is_missing(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    agent = await start()
    session = await connected(server, agent)
    job = grant(f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo two")
    session.send(grant=job)
    await session.next("output")
    session.cut()
    again = await server.session(2)
    (tmp_path / "go").touch()
    result = await again.next("result")

    assert again.hello is not None
    assert [entry.job_id for entry in again.hello.journal] == [job.job_id]
    assert again.hello.session_number == 2
    assert text(server, job) == b"one\ntwo\n"
    assert result.exit.code == 0


async def test_unacknowledged_output_and_result_are_sent_again(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    session.answers = False
    job = grant("echo hi")
    session.send(grant=job)
    first = await session.next("result")
    del server.spools[job.job_id, 1][:]
    session.cut()
    again = await server.session(2)
    second = await again.next("result")

    assert first == second
    assert text(server, job) == b"hi\n"


async def test_bytes_that_the_server_misses_are_sent_again(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    session.answers = False
    job = grant("echo hi")
    session.send(grant=job)
    await session.next("result")
    del server.spools[job.job_id, 1][:]
    session.answers = True
    session.send(resend=worker_pb2.Resend(job_id=job.job_id, attempt=1, offset=0))
    await session.next("result")

    assert text(server, job) == b"hi\n"


async def test_a_killed_agent_leaves_its_jobs_to_the_next_one(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    first = await start()
    session = await connected(server, first)
    job = grant(f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo two")
    session.send(grant=job)
    await session.next("output")
    await first.stop(signal.SIGKILL)
    await start()
    again = await server.session(2)
    (tmp_path / "go").touch()
    result = await again.next("result")

    assert text(server, job) == b"one\ntwo\n"
    assert result.size == len(server.spools[job.job_id, 1])


async def test_a_job_that_the_server_gave_up_is_ended(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    session = await connected(server, await start())
    job = grant(f"trap 'touch {tmp_path}/ended' EXIT; echo up; sleep 1000 & wait")
    session.send(grant=job)
    await session.next("output")
    server.discard.add((job.job_id, 1))
    session.cut()
    await server.session(2)

    await until((tmp_path / "ended").exists)


async def test_a_job_that_the_server_does_not_know_is_left_alone_and_takes_its_slot(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    session = await connected(server, await start("--slots", "1"))
    job = grant(f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.01; done; touch {tmp_path}/over")
    session.send(grant=job)
    await session.next("output")
    server.discard.add((job.job_id, 1))
    server.let_run = True
    session.cut()
    again = await server.session(2)
    offer = worker_pb2.Offer(offer_id="o1", runbook_type=job.runbook_type)
    again.send(offer=offer)
    reject = await again.next("reject")
    again.cut()
    third = await server.session(3)
    assert third.hello is not None
    listed = [(entry.job_id, entry.phase) for entry in third.hello.journal]
    (tmp_path / "go").touch()
    await until((tmp_path / "over").exists)
    third.cut()
    fourth = await server.session(4)
    # Its runner may take a moment to clear the sandbox.
    while fourth.hello is not None and fourth.hello.journal:
        fourth.cut()
        fourth = await server.session(len(server.sessions) + 1)
    fourth.send(offer=offer)
    await fourth.next("accept")

    assert (reject.reason, reject.for_now) == ("all 1 slots are taken", True)
    assert listed == [(job.job_id, worker_pb2.ATTEMPT_PHASE_RUNNING)]
    assert all("result" not in message for message in again.messages + third.messages)


async def test_a_job_is_frozen_and_thawed(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    session = await connected(server, await start())
    job = grant(f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo over")
    name: dict[str, Any] = {"job_id": job.job_id, "attempt": 1}
    session.send(grant=job, freeze=worker_pb2.Freeze(**name))
    frozen = await session.next("frozen")
    (tmp_path / "go").touch()
    session.send(freeze=worker_pb2.Freeze(**name))
    await session.next("frozen")
    assert b"over" not in text(server, job)
    session.send(thaw=worker_pb2.Thaw(**name))
    thawed = await session.next("thawed")
    await session.next("result")

    assert (frozen.job_id, frozen.attempt) == (thawed.job_id, thawed.attempt) == (job.job_id, 1)
    assert text(server, job) == b"up\nover\n"


async def test_a_frozen_job_is_found_frozen_by_the_next_agent(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    first = await start()
    session = await connected(server, first)
    job = grant(f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo over")
    name: dict[str, Any] = {"job_id": job.job_id, "attempt": 1}
    session.send(grant=job)
    await session.next("output")
    session.send(freeze=worker_pb2.Freeze(**name))
    await session.next("frozen")
    await first.stop(signal.SIGKILL)
    (tmp_path / "go").touch()
    await start()
    again = await server.session(2)
    heartbeat = await again.next("heartbeat")
    again.send(thaw=worker_pb2.Thaw(**name))
    await again.next("thawed")
    await again.next("result")

    assert again.hello is not None
    phases = [entry.phase for entry in again.hello.journal]
    assert phases == [worker_pb2.ATTEMPT_PHASE_FROZEN]
    assert heartbeat.running == 1
    assert text(server, job) == b"up\nover\n"


async def test_a_job_whose_time_is_over_says_so(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    session.send(grant=grant("echo up; sleep 1000", timeout_ms=300))
    result = await session.next("result")

    assert result.exit.reason == "timed out after 300 ms"
    assert not result.exit.stopped


async def test_a_drained_agent_comes_back_when_it_was_told_to(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    session.send(drain=worker_pb2.Drain(reason="upgrade", retry_after_ms=10))
    goodbye = await session.next("goodbye")
    again = await server.session(2)

    assert goodbye.reason == "the server drains: upgrade"
    assert again.hello is not None


async def test_a_stopped_agent_says_goodbye_and_its_job_goes_on(
    register: Register, start: Start, server: WorkerServer, tmp_path: Path
) -> None:
    await register()
    agent = await start()
    session = await connected(server, agent)
    job = grant(f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo over")
    session.send(grant=job)
    await session.next("output")
    status = await agent.stop()
    await session.next("drain")
    await session.next("goodbye")
    (tmp_path / "go").touch()
    await start()
    again = await server.session(2)
    await again.next("result")

    assert status == 0
    assert text(server, job) == b"up\nover\n"


async def test_an_agent_whose_link_was_killed_is_back_at_once(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    agent = await start()
    await connected(server, agent)
    (link,) = [pid for pid in children(agent.pid) if b"grpc" in maps(pid)]
    os.kill(link, signal.SIGKILL)
    again = await server.session(2)
    again.send(grant=(job := grant("echo hi")))
    await again.next("result")

    assert text(server, job) == b"hi\n"


async def test_the_launcher_never_loads_grpc(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    agent = await start()
    await connected(server, agent)

    assert b"grpc" not in maps(agent.pid)


async def test_an_agent_that_was_deleted_ends_for_good(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    server.workers.clear()
    agent = await start()

    assert (await agent.log_line()) == "error: not registered"
    assert await agent.ended() == 3


async def test_a_clone_is_refused_and_asks_slowly(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    for worker in server.workers.values():
        worker.confirmed = worker.issued = 41
    agent = await start()

    assert "a clone" in await agent.log_until("not connected")
    assert server.sessions == []


async def test_an_agent_waits_for_its_server(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    await server.__aexit__()
    agent = await start()
    cause = await agent.log_until("not connected")
    await server.__aenter__()
    await connected(server, agent)

    assert "does not answer" in cause


async def test_a_dial_that_failed_leaves_no_connection_behind(
    register: Register, start: Start, server: WorkerServer
) -> None:
    server.heartbeat_ms = 300
    async with FaultProxy(("127.0.0.1", server.port)).serving() as proxy:
        await register("--endpoint", f"localhost:{proxy.port}")
        agent = await start()
        await connected(server, agent)
        await proxy.set(CUT)
        await agent.log_until("not connected")
        await agent.log_until("not connected")
        await proxy.set(PASS)
        session = await connected(server, agent, number=2)
        # A channel that is still alive would have dialled again by now.
        for _ in range(12):
            await session.next("heartbeat")

        assert len(proxy.live) == 1
        await agent.stop()


async def test_a_server_with_another_certificate_gets_nothing(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    await server.__aexit__()
    server.authority = authority("localhost")
    await server.__aenter__()
    agent = await start()

    assert "is not trusted" in await agent.log_until("not connected")
    assert server.sessions == []


async def test_a_frame_that_is_illegal_ends_the_stream_with_a_reason(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    session = await connected(server, await start())
    session.send(stop=worker_pb2.Stop(job_id="../etc", attempt=1))
    goodbye = await session.next("goodbye")
    again = await server.session(2)

    assert goodbye.reason.startswith("a job id must be a UUID")
    assert again.hello is not None


async def test_a_server_that_does_not_answer_heartbeats_is_left(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    server.heartbeat_ms = 50
    session = await connected(server, await start())
    session.answers = False
    again = await server.session(2)

    assert again.hello is not None


async def test_two_agents_do_not_share_a_state_directory(
    register: Register, start: Start, server: WorkerServer
) -> None:
    await register()
    await connected(server, await start())
    second = await start()

    assert (await second.log_line()).startswith("error: another agent runs on ")
    assert await second.ended() == 1
