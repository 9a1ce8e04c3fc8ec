from datetime import UTC, datetime, timedelta

import pytest

from farhand_cli import words
from farhand_wire.v1 import hybrid_worker_pb2, job_pb2, runbook_pb2

NOW = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (912_044, "912 KB"), (1_200_000_000, "1.2 GB")],
)
def test_sizes_are_decimal(number: int, text: str) -> None:
    assert words.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (41.9, "0:41"), (72, "1:12"), (16_260, "4 h 31 min")]
)
def test_durations_are_clocks_and_then_hours(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_a_short_duration_that_is_over_has_tenths() -> None:
    assert [words.span(10.24), words.span(72)] == ["10.2 s", "1:12"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s ago"), (2, "2 s ago"), (41 * 60, "41 min ago"), (3 * 3600, "3 h ago")],
)
def test_times_are_relative_for_a_day(seconds: int, text: str) -> None:
    assert words.ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_older_times_are_absolute_and_name_their_zone() -> None:
    then = NOW - timedelta(days=2)

    assert words.ago(then, NOW) == then.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def test_text_from_elsewhere_cannot_move_the_cursor() -> None:
    assert words.plain("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"


def test_every_state_of_the_wire_has_a_word() -> None:
    known = {
        *(f"JOB_STATUS_{name}" for name in words.JOB_STATES),
        *(f"WORKER_STATE_{name}" for name in words.WORKER_STATES),
        *(f"RUNBOOK_STATE_{name}" for name in words.RUNBOOK_STATES),
    }
    wire = {
        *job_pb2.JobStatus.keys(),
        *hybrid_worker_pb2.WorkerState.keys(),
        *runbook_pb2.RunbookState.keys(),
    }

    # Why an operator has to look is a field beside the state of a worker.
    beside = {"WORKER_STATE_CONFLICT", "WORKER_STATE_HELD_BACK"}
    assert known - beside == {name for name in wire if not name.endswith("_UNSPECIFIED")}


def test_a_state_of_a_newer_server_is_shown_as_it_is() -> None:
    assert words.state(words.JOB_STATES, "ARCHIVED").word == "archived"


@pytest.mark.parametrize("text", ["failed", "Failed", "queued", "new", "out-of-contact"])
def test_a_state_may_be_typed_as_azure_or_as_the_table_says_it(text: str) -> None:
    assert words.named(words.JOB_STATES, text) is not None


def test_a_state_that_does_not_exist_is_none() -> None:
    assert words.named(words.JOB_STATES, "exploded") is None
