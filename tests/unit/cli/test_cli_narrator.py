import io
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from farhand_cli.log import Log
from farhand_cli.narrator import Told
from farhand_cli.person import Person
from farhand_cli.table import Manner
from farhand_wire.v1.job_pb2 import (
    JOB_STATUS_COMPLETED,
    JOB_STATUS_DISCONNECTED,
    JOB_STATUS_FAILED,
    JOB_STATUS_NEW,
    JOB_STATUS_RUNNING,
    JOB_STATUS_STOPPED,
    JOB_STATUS_SUSPENDED,
    Job,
    JobStatus,
    OutputOmitted,
)

BEGIN = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
WAITS = "waits: no member of group demo is online"


class Scene:
    """A stream, and a clock that goes only when it is told to."""

    def __init__(self, *, person: bool, live: bool = False, width: int = 120) -> None:
        self.stream = io.StringIO()
        self.seconds = 0.0
        self._person, self._live, self._width = person, live, width

    def clock(self) -> float:
        return self.seconds

    def manner(self) -> Manner:
        now = BEGIN + timedelta(seconds=self.seconds)
        return Manner(person=self._person, colour=self._live, width=self._width, now=now)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def stamp(seconds: float) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(BEGIN + timedelta(seconds=seconds))
    return made


def job(status: JobStatus, **values: object) -> Job:
    return Job(
        job_id="0197c2e1-0000-4000-8000-000000000000",
        runbook="rotate-logs",
        runbook_version=9,
        run_on="dc1",
        status=status,
        create_time=stamp(0),
        **values,  # type: ignore[arg-type]
    )


def running(**values: object) -> Job:
    return job(JOB_STATUS_RUNNING, worker="dc1-app03", start_time=stamp(0), **values)


def ended(status: JobStatus, seconds: float = 72, **values: object) -> Job:
    return job(status, start_time=stamp(0), end_time=stamp(seconds), output_bytes=912_044, **values)


def log(scene: Scene) -> Told:
    return Log(scene.stream, scene.manner, scene.clock)


def person(scene: Scene) -> Told:
    return Person(scene.stream, scene.manner, scene.clock)


def test_a_log_names_time_and_job_in_every_line() -> None:
    scene = Scene(person=False)
    teller = log(scene)

    teller.changed(job(JOB_STATUS_NEW))
    scene.seconds = 2
    teller.changed(running())
    scene.seconds = 72
    teller.changed(ended(JOB_STATUS_COMPLETED, exit_code=0))
    teller.ended(ended(JOB_STATUS_COMPLETED, exit_code=0))

    name = "job=0197c2e1-0000-4000-8000-000000000000"
    assert scene.lines() == [
        f"2026-09-14T12:00:00Z {name} state=New runbook=rotate-logs version=9 group=dc1",
        f"2026-09-14T12:00:02Z {name} state=Running worker=dc1-app03",
        f"2026-09-14T12:01:12Z {name} state=Completed exit=0 from=runbook bytes=912044",
    ]


def test_a_log_says_why_a_job_ended_without_a_code() -> None:
    scene = Scene(person=False)
    teller = log(scene)

    teller.ended(ended(JOB_STATUS_FAILED, signal=9))
    teller.ended(ended(JOB_STATUS_FAILED, status_details="no bash"))

    assert scene.lines() == [
        "2026-09-14T12:00:00Z state=Failed exit=3 from=farhand signal=9 bytes=912044",
        '2026-09-14T12:00:00Z state=Failed exit=3 from=farhand why="no bash" bytes=912044',
    ]


@pytest.mark.parametrize("people", [False, True])
def test_the_reason_to_wait_is_told_once_after_a_second(people: bool) -> None:
    scene = Scene(person=people)
    teller = (person if people else log)(scene)

    teller.changed(job(JOB_STATUS_NEW, status_details=WAITS))
    before = scene.stream.getvalue().count(WAITS)
    scene.seconds = 1.1
    teller.tick()
    teller.tick()

    assert (before, scene.stream.getvalue().count(WAITS)) == (0, 1)


def test_a_job_out_of_contact_is_told_to_a_person_with_its_reason() -> None:
    scene = Scene(person=True, live=True)
    teller = person(scene)

    teller.changed(running())
    teller.changed(job(JOB_STATUS_DISCONNECTED, status_details="worker web03 last heard 21:14"))

    assert "worker web03 last heard 21:14\n" in scene.stream.getvalue()


def test_a_person_reads_what_it_is_and_how_it_ended() -> None:
    scene = Scene(person=True)
    teller = person(scene)

    teller.changed(running())
    teller.changed(ended(JOB_STATUS_COMPLETED, exit_code=0))
    teller.ended(ended(JOB_STATUS_COMPLETED, exit_code=0))

    assert scene.lines() == [
        "job 0197c2e1  rotate-logs v9 -> dc1",
        "[ok] Completed in 1:12, exit 0 (from the runbook) | 912 KB",
    ]


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (
            ended(JOB_STATUS_FAILED, exit_code=28),
            "[x] Failed after 1:12, exit 28 (from the runbook) | 912 KB",
        ),
        (
            ended(JOB_STATUS_FAILED, signal=9),
            "[x] Failed after 1:12, signal 9, exit 3 (from farhand) | 912 KB",
        ),
        (
            ended(JOB_STATUS_STOPPED, 10.2, signal=15),
            "[stop] Stopped after 10.2 s, signal 15, exit 4 (from farhand) | 912 KB",
        ),
        (
            job(JOB_STATUS_SUSPENDED, status_details="outcome unknown"),
            "[||] Suspended, outcome unknown, exit 4 (from farhand) | 0 B",
        ),
    ],
)
def test_the_last_line_names_where_the_exit_code_comes_from(end: Job, line: str) -> None:
    scene = Scene(person=True)
    person(scene).ended(end)

    assert scene.lines() == [line]


def test_a_live_terminal_has_one_status_line_that_is_redrawn() -> None:
    scene = Scene(person=True, live=True)
    teller = person(scene)

    teller.changed(running())
    scene.seconds = 41
    teller.tick()
    teller.tick()

    drawn = scene.stream.getvalue().split("\r\x1b[2K")[1:]
    assert drawn == [
        "[>] running 0:00 on dc1-app03 | Ctrl-C leaves it running",
        "[>] running 0:41 on dc1-app03 | Ctrl-C leaves it running",
    ]


def test_the_status_line_says_why_the_job_waits() -> None:
    scene = Scene(person=True, live=True)
    teller = person(scene)
    teller.changed(job(JOB_STATUS_NEW, status_details=WAITS))
    scene.seconds = 2
    teller.tick()

    assert scene.stream.getvalue().endswith(
        f"[..] queued 0:02 | {WAITS} | Ctrl-C leaves it running"
    )


def test_the_status_line_is_no_wider_than_the_terminal() -> None:
    scene = Scene(person=True, live=True, width=20)
    person(scene).changed(running())

    assert scene.stream.getvalue().endswith("\r\x1b[2K[>] running 0:00 on")


def test_the_status_line_makes_room_for_output() -> None:
    scene = Scene(person=True, live=True)
    teller = person(scene)

    teller.changed(running())
    teller.clear()

    assert scene.stream.getvalue().endswith("\r\x1b[2K")


def test_a_line_that_is_not_finished_is_not_drawn_over() -> None:
    scene = Scene(person=True, live=True)
    teller = person(scene)
    teller.changed(running())
    teller.clear()
    teller.after_output(b"Password: ", to_terminal=True)
    quiet = len(scene.stream.getvalue())
    scene.seconds = 5

    teller.tick()
    silent = scene.stream.getvalue()[quiet:]
    teller.lost(10)

    assert silent == ""
    assert scene.stream.getvalue()[quiet:].startswith("\nconnection lost at byte 10;")


def test_output_elsewhere_does_not_stop_the_status_line() -> None:
    scene = Scene(person=True, live=True)
    teller = person(scene)
    teller.changed(running())
    teller.after_output(b"no newline", to_terminal=False)
    scene.seconds = 5
    teller.tick()

    assert "running 0:05" in scene.stream.getvalue()


def test_no_control_character_of_a_host_reaches_the_terminal() -> None:
    scene = Scene(person=True)
    teller = person(scene)
    teller.changed(job(JOB_STATUS_RUNNING, worker="web\x1b[31m"))
    teller.omitted(OutputOmitted(from_offset=1, to_offset=3, reason="gone\x1b[2J"))

    assert "\x1b" not in scene.stream.getvalue()


def test_a_cut_and_its_end_are_told() -> None:
    scene = Scene(person=True)
    teller = person(scene)
    teller.lost(391_204)
    teller.back(7.2, 391_204)

    assert scene.lines() == [
        "connection lost at byte 391,204; trying again for as long as it takes (Ctrl-C leaves)",
        "back after 7 s; went on at byte 391,204, nothing missed",
    ]


def test_who_leaves_is_told_how_to_come_back() -> None:
    scene = Scene(person=True)
    teller = person(scene)
    teller.left(running())
    teller.patience_over(running(), 60.0)

    assert scene.lines() == [
        "left; the job goes on. Back: farhand job follow 0197c2e1   "
        "Stop: farhand job stop 0197c2e1",
        "still running after 60 s; it goes on. farhand job wait 0197c2e1",
    ]
