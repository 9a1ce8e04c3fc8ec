"""Jobs from the operator's side, served by a worker made by hand."""

import asyncio
from typing import Any

import grpc
import pytest
from tests.support.edge import Caller, Worker, refusal
from tests.support.edge_jobs import (
    ERR,
    OUT,
    end,
    granted,
    output,
    publish,
    start,
    started,
)

from farhand_wire import spool as spools
from farhand_wire.v1 import job_pb2


async def test_a_job_runs_and_its_follower_sees_it_live(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    await worker.serve()
    job = await start(owner, parameters={"days": 7, "who": "a b"}, parameter_order=["who"])
    follow = owner.stream(
        owner.jobs.FollowJobOutput, job_pb2.FollowJobOutputRequest(job_id=job.job_id)
    )
    first = await anext(follow)
    grant = await granted(worker)
    hi = spools.pack(OUT, 0, b"hi\n")
    await worker.say(started(grant), output(grant, 0, hi))
    items = [first]
    while not items[-1].HasField("output"):
        items.append(await anext(follow))
    await end(worker, grant, hi)
    async for item in follow:
        items.append(item)

    assert first.status.job_id == job.job_id
    assert grant.parameters_json == '{"days":7,"who":"a b"}'
    assert list(grant.arguments) == ["a b", "7"]
    assert [i.output.text for i in items if i.HasField("output")] == ["hi\n"]
    last = items[-1].status
    assert last.status == job_pb2.JOB_STATUS_COMPLETED
    assert (last.exit_code, last.output_bytes, last.worker) == (0, 3, "w1")


async def test_what_is_stored_is_read_in_parts(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    await worker.serve()
    job = await start(owner)
    grant = await granted(worker)
    sent = spools.pack(OUT, 0, b"a\nb\n") + spools.pack(ERR, 1, b"c\n") + spools.pack(OUT, 2, b"d")
    await worker.say(started(grant), output(grant, 0, sent))
    await end(worker, grant, sent)

    async def read(**values: Any) -> str:
        request = job_pb2.ReadJobOutputRequest(job_id=job.job_id, **values)
        return "".join(
            answer.output.text for answer in await owner.all(owner.jobs.ReadJobOutput, request)
        )

    assert await read() == "a\nb\nc\nd"
    assert await read(tail_lines=2) == "c\nd"
    assert await read(streams=["JOB_STREAM_ERROR"]) == "c\n"
    assert await read(**{"from": {"offset": spools.HEADER.size + 2}}) == "b\nc\nd"
    assert await read(**{"from": {"attempt": 2}}) == ""


async def test_a_follower_of_a_job_without_a_worker_waits(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    job = await start(owner)
    follow = owner.stream(
        owner.jobs.FollowJobOutput, job_pb2.FollowJobOutputRequest(job_id=job.job_id)
    )
    first = await anext(follow)
    why = await owner.ask(owner.jobs.ExplainJob, job_pb2.ExplainJobRequest(job_id=job.job_id[:20]))
    await owner.ask(owner.jobs.StopJob, job_pb2.StopJobRequest(job_id=job.job_id))
    rest = [item.status.status async for item in follow]

    assert first.status.status == job_pb2.JOB_STATUS_NEW
    assert why.code == "no_member_online"
    assert [verdict.worker for verdict in why.workers] == ["w1"]
    assert rest == [job_pb2.JOB_STATUS_STOPPED]


async def test_a_watcher_sees_every_change_until_the_end(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    await worker.serve()
    job = await start(owner)
    watch = owner.stream(owner.jobs.WatchJob, job_pb2.WatchJobRequest(job_id=job.job_id))
    grant = await granted(worker)
    seen = [(await anext(watch)).job.status]
    await worker.say(started(grant))
    while seen[-1] != job_pb2.JOB_STATUS_RUNNING:
        seen.append((await anext(watch)).job.status)
    await end(worker, grant, b"", code=3)
    seen += [answer.job.status async for answer in watch]

    assert seen[-2:] == [job_pb2.JOB_STATUS_RUNNING, job_pb2.JOB_STATUS_FAILED]


async def test_the_same_id_twice_is_one_job(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    id_ = "018f2b3c-0000-7000-8000-00000000beef"
    first = await start(owner, job_id=id_)
    again = await start(owner, job_id=id_)
    listed = await owner.ask(owner.jobs.ListJobs, job_pb2.ListJobsRequest())

    assert first == again
    assert [job.job_id for job in listed.jobs] == [id_]


async def test_a_job_is_found_by_the_beginning_of_its_id(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    await start(owner, job_id="018f2b3c-0000-7000-8000-00000000aaaa")
    await start(owner, job_id="018f2b3c-0000-7000-8000-00000000bbbb")

    async def get(prefix: str) -> job_pb2.Job:
        found: job_pb2.Job = (
            await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=prefix))
        ).job
        return found

    several = await refusal(get("018f"))
    none = await refusal(get("018fffff"))
    assert (await get("018f2b3c-0000-7000-8000-00000000a")).job_id.endswith("aaaa")
    assert several.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "several jobs" in several.fields["job_id"]
    assert none.reason == "JOB_NOT_FOUND"


async def test_jobs_are_listed_newest_first_in_pages(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    ids = [(await start(owner)).job_id for _ in range(5)]
    pages, token = [], ""
    while True:
        request = job_pb2.ListJobsRequest(page_size=2, page_token=token)
        page = await owner.ask(owner.jobs.ListJobs, request)
        pages.append([job.job_id for job in page.jobs])
        token = page.next_page_token
        if not token:
            break

    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


async def test_listed_jobs_are_of_the_wanted_state(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    waiting, stopped = await start(owner), await start(owner)
    await owner.ask(owner.jobs.StopJob, job_pb2.StopJobRequest(job_id=stopped.job_id))
    request = job_pb2.ListJobsRequest(statuses=["JOB_STATUS_NEW", "JOB_STATUS_RUNNING"])

    listed = await owner.ask(owner.jobs.ListJobs, request)

    assert [job.job_id for job in listed.jobs] == [waiting.job_id]


async def test_bytes_are_counted_while_a_job_runs(owner: Caller, worker: Worker) -> None:
    await publish(owner)
    await worker.serve()
    job = await start(owner)
    grant = await granted(worker)
    await worker.say(started(grant), output(grant, 0, spools.pack(OUT, 0, b"12345")))
    await worker.until("output_ack")

    seen = await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=job.job_id))

    assert seen.job.output_bytes == 5


@pytest.mark.parametrize("raw", [True, False])
async def test_a_flood_arrives_whole(owner: Caller, worker: Worker, raw: bool) -> None:
    await publish(owner)
    await worker.serve()
    job = await start(owner)
    request = job_pb2.FollowJobOutputRequest(job_id=job.job_id, raw=raw)
    follow = owner.stream(owner.jobs.FollowJobOutput, request)

    async def collect() -> bytes:
        return b"".join([i.output.data + i.output.text.encode() async for i in follow])

    collected = asyncio.create_task(collect())
    grant = await granted(worker)
    await worker.say(started(grant))
    line = b"0123456789abcde\n"
    sent = b""
    for number in range(40):
        data = b"".join(spools.pack(OUT, number, line * 3_000) for _ in range(4))
        await worker.say(output(grant, len(sent), data))
        sent += data
        await worker.until("output_ack")
    await end(worker, grant, sent)

    assert await collected == line * 3_000 * 4 * 40
