import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from tests.support.control_plane import ControlPlane
from tests.support.plane.ledger import stamp

from farhand_wire.v1 import job_pb2

Run = Callable[..., Result]
ID = "0197c2e1-0000-4000-8000-000000000000"
BEGIN = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
EVERY_BYTE = bytes(range(256)) * 300


def end(plane: ControlPlane, status: job_pb2.JobStatus, **values: object) -> None:
    """Job ID ends after 72 s."""
    times = {"start_time": stamp(BEGIN), "end_time": stamp(BEGIN + timedelta(seconds=72))}
    plane.change(ID, status=status, **times, **values)


@pytest.fixture
def job(plane: ControlPlane) -> None:
    plane.add_job(
        ID,
        runbook="rotate-logs",
        runbook_version=9,
        run_on="dc1",
        worker="app01",
        status=job_pb2.JOB_STATUS_RUNNING,
    )


pytestmark = pytest.mark.usefixtures("job")


def test_output_is_byte_for_byte_whatever_it_is(run: Run, plane: ControlPlane) -> None:
    plane.say(ID, EVERY_BYTE)
    plane.say(ID, b"\xff\xfe no newline at the end")
    end(plane, job_pb2.JOB_STATUS_COMPLETED, exit_code=0)

    result = run("job", "follow", "0197")

    assert result.stdout_bytes == EVERY_BYTE + b"\xff\xfe no newline at the end"
    assert result.exit_code == 0


def test_the_error_stream_goes_to_standard_error(run: Run, plane: ControlPlane) -> None:
    plane.say(ID, b"out")
    plane.say(ID, b"\xffwrong", job_pb2.JOB_STREAM_ERROR)
    end(plane, job_pb2.JOB_STATUS_COMPLETED, exit_code=0)

    result = run("job", "follow", ID, "-q")

    assert (result.stdout_bytes, result.stderr_bytes) == (b"out", b"\xffwrong")


def test_the_first_line_and_the_last_say_what_and_how(run: Run, plane: ControlPlane) -> None:
    plane.say(ID, b"x" * 912_044)
    end(plane, job_pb2.JOB_STATUS_FAILED, exit_code=3)

    first, last = run("job", "follow", ID).stderr.splitlines()

    assert first.endswith(
        f" job={ID} state=Failed runbook=rotate-logs version=9 group=dc1 worker=app01"
    )
    assert last.endswith(f" job={ID} state=Failed exit=3 from=runbook bytes=912044")


@pytest.mark.parametrize("verb", ["follow", "wait"])
@pytest.mark.parametrize(
    ("status", "values", "code"),
    [
        (job_pb2.JOB_STATUS_COMPLETED, {"exit_code": 0}, 0),
        (job_pb2.JOB_STATUS_FAILED, {"exit_code": 28}, 28),
        (job_pb2.JOB_STATUS_FAILED, {"exit_code": 255}, 255),
        (job_pb2.JOB_STATUS_FAILED, {"signal": 9}, 3),
        (job_pb2.JOB_STATUS_FAILED, {"status_details": "no interpreter"}, 3),
        (job_pb2.JOB_STATUS_STOPPED, {"signal": 15}, 4),
        (job_pb2.JOB_STATUS_SUSPENDED, {}, 4),
    ],
)
def test_the_exit_code_is_that_of_the_end(
    run: Run,
    plane: ControlPlane,
    verb: str,
    status: job_pb2.JobStatus,
    values: dict[str, object],
    code: int,
) -> None:
    end(plane, status, **values)

    assert run("job", verb, ID).exit_code == code


def test_who_waits_too_long_leaves_with_5(run: Run) -> None:
    result = run("job", "wait", ID, "--max-wait", "0.01")

    assert result.exit_code == 5
    assert f"still running after 0.01 s; it goes on. farhand job wait {ID}" in result.stderr


def test_a_suspended_job_is_left_after_its_output(run: Run, plane: ControlPlane) -> None:
    end(plane, job_pb2.JOB_STATUS_SUSPENDED)
    plane.say(ID, b"said before\n")

    result = run("job", "follow", ID)

    assert (result.stdout, result.exit_code) == ("said before\n", 4)


def test_a_cut_stream_is_taken_up_where_it_was_cut(run: Run, plane: ControlPlane) -> None:
    records = [bytes([65 + number]) * (number + 1) for number in range(9)]
    for record in records:
        plane.say(ID, record)
    end(plane, job_pb2.JOB_STATUS_COMPLETED, exit_code=0)
    plane.cut(2, 0, 4)

    result = run("job", "follow", ID)

    asked = [
        getattr(request, "from").offset
        for request in plane.requests(job_pb2.FollowJobOutputRequest)
    ]
    assert result.stdout_bytes == b"".join(records)
    assert asked == [0, 3, 3, 21]
    assert "connection lost at byte 3; trying again for as long as it takes" in result.stderr
    assert "went on at byte 21, nothing missed" in result.stderr
    assert result.exit_code == 0


def test_a_cut_before_anything_came_repeats_the_tail(run: Run, plane: ControlPlane) -> None:
    plane.say(ID, b"line\n")
    end(plane, job_pb2.JOB_STATUS_COMPLETED, exit_code=0)
    plane.cut(0)

    run("job", "follow", ID, "--tail", "7")

    requests = plane.requests(job_pb2.FollowJobOutputRequest)
    assert [(each.tail_lines, each.HasField("from")) for each in requests] == [(7, False)] * 2


def test_a_gap_is_told(run: Run, plane: ControlPlane) -> None:
    plane.lose(ID, 1200, "the disk of app01 was full")
    end(plane, job_pb2.JOB_STATUS_COMPLETED, exit_code=0)

    result = run("job", "follow", ID)

    assert "1,200 bytes of output are gone: the disk of app01 was full" in result.stderr


def test_an_unknown_job_is_refused_at_once(run: Run) -> None:
    result = run("job", "follow", "nothing")

    assert result.exit_code == 1
    assert result.stderr == 'error: there is no job "nothing"\n'


def test_start_follows_from_the_first_byte(run: Run, plane: ControlPlane) -> None:
    plane.say(ID, b"hello\n")
    end(plane, job_pb2.JOB_STATUS_FAILED, exit_code=7)

    result = run("start", "rotate-logs", "--run-on", "dc1", "--job-id", ID, "--follow")

    assert (result.stdout, result.exit_code) == ("hello\n", 7)


def test_start_waits_and_gives_programs_the_job(run: Run, plane: ControlPlane) -> None:
    end(plane, job_pb2.JOB_STATUS_FAILED, signal=9)

    words = ["start", "rotate-logs", "--run-on", "dc1", "--job-id", ID, "--wait", "-o", "json"]
    result = run(*words)

    told = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (3, "")
    assert (told["jobId"], told["signal"]) == (ID, 9)
    assert (told["exit"], told["exitFrom"]) == (3, "farhand")


def test_follow_gives_programs_the_job_on_standard_error(run: Run, plane: ControlPlane) -> None:
    plane.say(ID, b"hello\n")
    end(plane, job_pb2.JOB_STATUS_COMPLETED, exit_code=0)

    result = run("job", "follow", ID, "-o", "json")

    told = json.loads(result.stderr)
    assert (result.stdout, told["exit"], told["exitFrom"]) == ("hello\n", 0, "runbook")


def test_stop_asks_and_leaves(run: Run, plane: ControlPlane) -> None:
    result = run("job", "stop", ID)

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("TERM sent to app01;")
    assert plane.spools[ID].job.status == job_pb2.JOB_STATUS_STOPPING


def test_stop_that_follows_waits_until_it_is_true(run: Run, plane: ControlPlane) -> None:
    def kill() -> None:
        plane.await_call(job_pb2.WatchJobRequest)
        end(plane, job_pb2.JOB_STATUS_STOPPED, signal=9)

    host = threading.Thread(target=kill)
    host.start()

    result = run("job", "stop", ID, "--follow")
    host.join()

    assert result.exit_code == 4
    assert "state=Stopped exit=4 from=farhand signal=9" in result.stderr


def test_a_job_that_waits_is_stopped_at_once(run: Run, plane: ControlPlane) -> None:
    plane.add_job("waiting", status=job_pb2.JOB_STATUS_NEW)

    assert run("job", "stop", "waiting").stderr == "job waiting is stopped\n"
