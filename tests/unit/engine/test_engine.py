"""The heart on its threads: what leaves before a commit, after it, and when it fails."""

import asyncio
import zlib

import pytest
from tests.support.engine_bench import Bug, EngineBench, spool
from tests.support.memory import Failure
from tests.support.samples import job_id
from tests.support.world.rows import OPERATOR

from farhand_server.core import events as on
from farhand_server.core.output import TORN
from farhand_server.errors import RunbookNotFound, ShuttingDown
from farhand_server.model import frames
from farhand_server.model.job import JobStatus
from farhand_wire import spool as spools

HELLO = spools.pack(spools.Kind.OUTPUT, 0, b"hello\n")
EXIT = spools.pack_exit(spools.Exit(code=0), 5)

#: Both kinds of failure look the same from outside.
FAILURES = [Failure.COMMIT_FAILS, Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE]


# --- before and after the commit ------------------------------------------------------------


async def test_an_offer_leaves_before_the_commit_of_its_job(bench: EngineBench) -> None:
    session = await bench.connect()
    with bench.no_commit():
        call = asyncio.create_task(bench.start_job())
        offer = await bench.hear(frames.Offer, session)

        assert offer.job == job_id(1)
        assert not call.done()
        assert job_id(1) not in bench.state.tables.jobs
    assert (await call).status is JobStatus.NEW


async def test_a_grant_leaves_after_its_commit(bench: EngineBench) -> None:
    session = await bench.connect()
    await bench.start_job()
    offer = await bench.hear(frames.Offer, session)
    with bench.no_commit():
        bench.say(session, frames.Accept(offer=offer.offer, cached=False))
        await bench.a_commit_waits()
        await asyncio.sleep(0)

        assert bench.switchboard.box(session).waiting == 0  # type: ignore[union-attr]
    grant = await bench.hear(frames.Grant, session)
    assert grant.attempt == 1
    assert bench.state.tables.jobs[job_id(1)].status is JobStatus.ACTIVATING


async def test_an_answer_leaves_after_its_commit(bench: EngineBench) -> None:
    with bench.no_commit():
        call = asyncio.create_task(bench.start_job())
        await bench.a_commit_waits()
        assert not call.done()
    await call

    assert bench.state.tables.jobs[job_id(1)] == await call


async def test_everything_that_waits_is_one_commit(bench: EngineBench) -> None:
    with bench.no_commit():
        first = asyncio.create_task(bench.start_job(1))
        await bench.a_commit_waits()
        commits = bench.state.commits
        others = [asyncio.create_task(bench.start_job(number)) for number in range(2, 50)]
        await asyncio.sleep(0)
    await asyncio.gather(first, *others)

    assert bench.state.commits <= commits + 3
    assert len(bench.state.tables.jobs) == 49


async def test_a_refusal_is_raised_and_commits_nothing(bench: EngineBench) -> None:
    commits = bench.state.commits
    with pytest.raises(RunbookNotFound):
        await bench.engine.ask(lambda call: on.PublishRunbook(call=call, by=OPERATOR, name="none"))

    assert bench.state.commits == commits


async def test_news_of_a_job_reach_whoever_watches_it(bench: EngineBench) -> None:
    session = await bench.running()
    with bench.switchboard.watch(job_id(1)) as watch:
        watch.clear()
        bench.say(session, frames.Started(job=job_id(1), attempt=1))
        async with asyncio.timeout(5):
            await watch.wait()

        assert watch.job is not None
        assert watch.job.status is JobStatus.RUNNING


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name.lower())
async def test_a_commit_that_may_have_failed_ends_every_stream_and_every_call(
    bench: EngineBench, failure: Failure
) -> None:
    session = await bench.connect()
    bench.state.fail_next.append(failure)
    with pytest.raises(ShuttingDown, match="could not commit"):
        await bench.start_job()

    heard = await bench.ended(session)
    assert isinstance(heard[-1], frames.Drain)
    done = failure is Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE
    assert (job_id(1) in bench.state.tables.jobs) is done


async def test_nothing_that_promises_leaves_when_its_commit_failed(bench: EngineBench) -> None:
    session = await bench.connect()
    await bench.start_job()
    offer = await bench.hear(frames.Offer, session)
    bench.state.fail_next.append(Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE)
    bench.say(session, frames.Accept(offer=offer.offer, cached=False))

    heard = await bench.ended(session)
    assert not [frame for frame in heard if isinstance(frame, frames.Grant)]
    assert bench.state.tables.jobs[job_id(1)].status is JobStatus.ACTIVATING


async def test_what_was_volatile_is_forgotten_and_rows_are_read_again(bench: EngineBench) -> None:
    session = await bench.connect()
    bench.state.fail_next.append(Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE)
    with pytest.raises(ShuttingDown):
        await bench.start_job()
    bench.engine.lose(session, clean=False)
    session = await bench.back()

    assert (await bench.hear(frames.Offer, session)).job == job_id(1)


async def test_a_bug_in_a_rule_starts_over_and_writes_nothing(bench: EngineBench) -> None:
    session = await bench.connect()
    bench.core.fail_next.append(Bug(at=lambda event: isinstance(event, on.StartJob)))
    with pytest.raises(ShuttingDown):
        await bench.start_job()

    assert isinstance((await bench.ended(session))[-1], frames.Drain)
    assert job_id(1) not in bench.state.tables.jobs
    assert (await bench.start_job()).status is JobStatus.NEW


async def test_a_store_that_keeps_failing_is_tried_again(bench: EngineBench) -> None:
    bench.state.fail_next.extend([Failure.COMMIT_FAILS] * 3)
    for _ in range(3):
        with pytest.raises(ShuttingDown):
            await bench.start_job()

    assert (await bench.start_job()).status is JobStatus.NEW


# --- output ---------------------------------------------------------------------------------


async def test_a_result_is_final_when_its_output_is_durable(bench: EngineBench) -> None:
    session = await bench.running()
    data = HELLO + EXIT
    bench.output_of(session, data)
    bench.result_of(session, size=len(data), crc=zlib.crc32(data))
    await bench.hear(frames.ResultAck, session)

    job = bench.state.tables.jobs[job_id(1)]
    assert (job.status, job.output_bytes) == (JobStatus.COMPLETED, len(b"hello\n"))
    assert bench.output.durable(spool()) == data


async def test_stored_output_can_be_followed(bench: EngineBench) -> None:
    session = await bench.running()
    bench.output_of(session, HELLO)
    ack = await bench.hear(frames.OutputAck, session)
    while ack.durable < len(HELLO):
        ack = await bench.hear(frames.OutputAck, session)

    chunks = await bench.desk.read(spool(), 0, 1000)
    assert b"".join(chunk.data for chunk in chunks) == HELLO
    assert (await bench.desk.extent(spool())).lines == 1


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name.lower())
async def test_output_that_may_not_be_stored_ends_every_stream(
    bench: EngineBench, failure: Failure
) -> None:
    session = await bench.running()
    bench.output.fail_next.append(failure)
    bench.output_of(session, HELLO)

    heard = await bench.ended(session)
    assert not [frame for frame in heard if isinstance(frame, frames.OutputAck)]
    assert isinstance(heard[-1], frames.Drain)


async def test_a_pause_ends_no_stream_and_holds_up_nothing_but_output(bench: EngineBench) -> None:
    session = await bench.running()
    bench.desk.pause("the disk is full")
    data = HELLO + EXIT
    bench.output_of(session, data)
    bench.result_of(session, size=len(data), crc=zlib.crc32(data))
    bench.say(session, frames.Heartbeat(sequence=2))
    bench.say(session, frames.Started(job=job_id(1), attempt=1))
    assert (await bench.hear(frames.HeartbeatAck, session)).sequence == 2
    assert (await bench.start_job(2)).status is JobStatus.NEW
    assert bench.output.spools() == []

    bench.desk.resume()
    assert (await bench.hear(frames.Resend, session)).offset == 0
    bench.output_of(session, data)
    bench.result_of(session, size=len(data), crc=zlib.crc32(data))
    await bench.hear(frames.ResultAck, session)
    assert bench.output.durable(spool()) == data
    assert not bench.switchboard.box(session).ended  # type: ignore[union-attr]


async def test_a_full_disk_sends_agents_away_for_longer_each_time(bench: EngineBench) -> None:
    session = await bench.running()
    delays = []
    for _ in range(3):
        bench.output.fail_next.append(Failure.COMMIT_FAILS)
        bench.output_of(session, HELLO)
        drain = (await bench.ended(session))[-1]
        assert isinstance(drain, frames.Drain)
        delays.append(drain.retry_after_ms)
        bench.engine.lose(session, clean=False)
        session = await bench.back(job_id(1))

    assert delays == [200, 400, 800]
    bench.output_of(session, HELLO)
    assert (await bench.hear(frames.OutputAck, session)).stored == len(HELLO)


async def test_torn_output_ends_its_stream_alone_and_is_counted(bench: EngineBench) -> None:
    session = await bench.running()
    other = bench.open()
    bench.output_of(session, HELLO[:-1])

    heard = await bench.ended(session)
    assert heard == []
    assert bench.refusal(session) == TORN
    assert not bench.switchboard.box(other).ended  # type: ignore[union-attr]
    worker = next(iter(bench.state.tables.workers))
    assert bench.switchboard.refused(worker) == {TORN: 1}


async def test_failures_that_follow_each_other_keep_agents_away_for_longer(
    bench: EngineBench,
) -> None:
    delays = []
    for _ in range(8):
        session = bench.open()
        bench.state.fail_next.append(Failure.COMMIT_FAILS)
        with pytest.raises(ShuttingDown):
            await bench.start_job()
        drain = (await bench.ended(session))[-1]
        assert isinstance(drain, frames.Drain)
        delays.append(drain.retry_after_ms)
        bench.engine.lose(session, clean=False)

    assert delays == [200, 400, 800, 1600, 3200, 5000, 5000, 5000]


# --- the end --------------------------------------------------------------------------------


async def test_a_stop_finishes_what_waits() -> None:
    bench = EngineBench()
    bench.start()
    session = await bench.running()
    data = HELLO + EXIT
    bench.output_of(session, data)
    bench.result_of(session, size=len(data), crc=zlib.crc32(data))
    await bench.stop()

    assert bench.state.tables.jobs[job_id(1)].status is JobStatus.COMPLETED
    assert bench.output.durable(spool()) == data


async def test_nobody_is_let_in_during_a_stop() -> None:
    bench = EngineBench()
    bench.start()
    await bench.stop()

    with pytest.raises(ShuttingDown, match="shutting down"):
        await bench.start_job()
