"""What Azure's operators count on and no other test of ours says; docs/parity.md has all of it."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from tests.acceptance.conftest import Deployment
from tests.support.operator import Operator

from farhand_wire.v1 import job_pb2

NEW, ACTIVATING = job_pb2.JOB_STATUS_NEW, job_pb2.JOB_STATUS_ACTIVATING
RUNNING, COMPLETED = job_pb2.JOB_STATUS_RUNNING, job_pb2.JOB_STATUS_COMPLETED
STOPPING, STOPPED = job_pb2.JOB_STATUS_STOPPING, job_pb2.JOB_STATUS_STOPPED


@pytest.fixture
def operator(deployment: Deployment) -> Iterator[Operator]:
    operator = Operator(deployment.contexts)
    yield operator
    operator.close()


def test_a_job_goes_through_azures_states_in_their_order(
    deployment: Deployment, operator: Operator
) -> None:
    assert deployment.farhand("group", "create", "later").code == 0
    deployment.publish("hello", "echo hi\n")
    job = operator.start("hello", run_on="later")
    request = job_pb2.WatchJobRequest(job_id=job)
    watch = operator.jobs.WatchJob(request, metadata=operator.metadata, timeout=60)
    seen = [next(watch).job.status]
    deployment.add_agent("w2", group="later")
    seen += [answer.job.status for answer in watch]

    # That of the moment, and then every change: what falls into one commit is one.
    assert (seen[0], seen[-1]) == (NEW, COMPLETED)
    assert [status for status in seen if status in (NEW, ACTIVATING, RUNNING, COMPLETED)] == seen
    assert seen == sorted(seen)


def test_a_stop_is_seen_at_once_and_stopped_comes_when_nothing_runs_any_more(
    deployment: Deployment, operator: Operator
) -> None:
    deployment.publish("slow-to-end", "trap 'read < <(sleep 600)' TERM\necho up\nwait\nsleep 600\n")
    job = deployment.start("slow-to-end")
    deployment.until("it runs", lambda: deployment.prints(job))
    request = job_pb2.StopJobRequest(job_id=job)
    answer = operator.jobs.StopJob(request, metadata=operator.metadata, timeout=30)

    assert answer.job.status == STOPPING
    assert operator.job(job).status == STOPPING
    assert deployment.farhand("job", "stop", job, "--grace", "0").code == 0
    deployment.until("it is stopped", lambda: operator.job(job).status == STOPPED)


def test_who_waits_gets_the_output_and_the_job_goes_on_when_the_wait_ends(
    deployment: Deployment,
) -> None:
    gate = deployment.root / "gate"
    waits = f"until test -e {gate}; do sleep 0.05; done"
    deployment.publish("long", f"echo out\necho err >&2\necho VERBOSE: more\n{waits}\necho end\n")
    waited = deployment.farhand(
        *("start", "long", "--run-on", "demo", "--follow", "--max-wait", "1")
    )
    job = str(deployment.newest()["jobId"])
    open_ = deployment.job(job)
    gate.touch()
    ended = deployment.farhand("job", "follow", job)

    assert waited.code == 5
    assert waited.out in (b"", b"out\n"), "standard output has the Output stream alone"
    assert "endTime" not in open_
    assert (ended.code, ended.out) == (0, b"out\nend\n")
    assert "\nerr\n" in ended.err


def test_records_say_when_where_and_of_which_stream_without_a_gap(
    deployment: Deployment, operator: Operator
) -> None:
    lines = "for n in $(seq 50); do echo line $n; echo WARNING: $n; echo error $n >&2; done\n"
    deployment.publish("talker", lines)
    job = deployment.start("talker")
    deployment.until("it is over", lambda: operator.job(job).status == COMPLETED)
    streams = [job_pb2.JOB_STREAM_OUTPUT, job_pb2.JOB_STREAM_ERROR, job_pb2.JOB_STREAM_WARNING]
    request = job_pb2.ReadJobOutputRequest(job_id=job, streams=streams)
    records = [
        answer.output
        for answer in operator.jobs.ReadJobOutput(request, metadata=operator.metadata, timeout=30)
    ]

    assert all(record.HasField("time") and record.stream in streams for record in records)
    places = [(record.next.attempt, record.next.offset) for record in records]
    assert all(before < after for before, after in pairwise(places))
    for stream, line in zip(streams, ("line {}", "error {}", "WARNING: {}"), strict=True):
        told = "".join(record.text for record in records if record.stream == stream)
        assert told.splitlines() == [line.format(n) for n in range(1, 51)]
    # From any of its places on, the rest follows, and nothing twice.
    middle = len(records) // 2
    getattr(request, "from").CopyFrom(records[middle].next)
    rest = operator.jobs.ReadJobOutput(request, metadata=operator.metadata, timeout=30)
    assert [answer.output for answer in rest] == records[middle + 1 :]
    assert operator.job(job).runbook_version == 1
