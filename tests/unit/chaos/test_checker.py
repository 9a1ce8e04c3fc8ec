"""A checker that cannot fail is worthless: every kind of broken promise is planted, and found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.chaos.checker import Broken, judge
from tests.chaos.history import Command, Ending, JobHistory, Move, Seen
from tests.chaos.runbooks import AGAIN, COUNT, ERROR, OUTPUT
from tests.chaos.witness import Oath
from tests.unit.chaos.conftest import JOB, completed, executed, stopped, suspended, twice

from farhand_server.model.job import JobStatus

S = JobStatus


def found(*histories: JobHistory) -> Counter[Broken]:
    counts: Counter[Broken] = Counter()
    for violation in judge(histories):
        counts[violation.kind] += violation.count
    return counts


def lines(history: JobHistory, stream: int = OUTPUT) -> list[bytes]:
    return history.stored[1, stream].splitlines(keepends=True)


def store(history: JobHistory, kept: list[bytes], stream: int = OUTPUT) -> None:
    """This is what the server has; followers saw the same."""
    history.stored[1, stream] = b"".join(kept)
    if history.followed is not None:
        history.followed[1, stream] = bytearray(history.stored[1, stream])


@pytest.mark.parametrize(
    "right",
    [
        completed(),
        completed(AGAIN),
        completed(lines=1),
        stopped(),
        stopped(sworn=5, stored=4),
        suspended(),
        twice(),
    ],
    ids=["completed", "at-least-once", "one line", "stopped", "before its print", "lost", "twice"],
)
def test_what_is_right_is_found_to_be_right(right: JobHistory) -> None:
    assert judge([right]) == []


def test_missing_lines_are_counted(history: JobHistory) -> None:
    kept = lines(history)
    store(history, kept[:3] + kept[5:])

    assert found(history) == {Broken.LOST: 2}


def test_a_missing_end_is_counted(history: JobHistory) -> None:
    store(history, lines(history)[:-1])

    assert found(history) == {Broken.LOST: 1}


def test_a_lost_error_stream_is_counted(history: JobHistory) -> None:
    expected = len(lines(history, ERROR))
    store(history, [], ERROR)

    assert found(history) == {Broken.LOST: expected}


def test_lines_that_stand_there_twice_are_counted(history: JobHistory) -> None:
    kept = lines(history)
    store(history, kept[:4] + kept[2:])

    assert found(history) == {Broken.DOUBLED: 2}


def test_lines_in_another_order_are_found(history: JobHistory) -> None:
    kept = lines(history)
    kept[2], kept[3] = kept[3], kept[2]
    store(history, kept)

    assert found(history) == {Broken.FOREIGN: 1}


def test_a_line_of_another_job_is_found(history: JobHistory) -> None:
    store(history, [*lines(history), b"21 018f2b3c-0000-7000-8000-000000000002 1\n"])

    assert found(history) == {Broken.FOREIGN: 1}


def test_a_line_that_was_torn_is_lost(history: JobHistory) -> None:
    kept = lines(history)
    store(history, [*kept[:-1], kept[-1][:5]])

    assert found(history) == {Broken.LOST: 1}


def test_a_stopped_job_may_miss_only_the_block_that_it_was_about_to_print() -> None:
    history = stopped(sworn=6, stored=3)

    assert set(found(history)) == {Broken.LOST}


def test_a_stopped_job_has_printed_nothing_that_it_did_not_swear_to() -> None:
    history = stopped(sworn=2, stored=5)

    assert set(found(history)) == {Broken.FOREIGN}


def test_a_hole_is_a_loss_even_where_a_killed_runner_excuses_a_missing_end() -> None:
    history = suspended()
    kept = lines(history)
    store(history, kept[:2] + kept[3:])

    assert found(history) == {Broken.LOST: 1}


def test_a_range_that_the_server_says_is_gone_is_a_loss(history: JobHistory) -> None:
    history.omitted = 1

    assert found(history) == {Broken.LOST: 1}


def test_an_attempt_that_ran_twice_is_found(history: JobHistory) -> None:
    history.oaths.append(Oath(attempt=1, block=0, at=10.05))

    assert found(history) == {Broken.EXTRA: 1}


def test_a_second_attempt_of_an_at_most_once_job_is_found() -> None:
    history = twice()
    history.task = replace(history.task, runbook=COUNT)

    assert found(history) == {Broken.EXTRA: 1}


def test_a_job_that_writes_while_it_is_said_to_stand_still_does_not(history: JobHistory) -> None:
    suspended = [
        Move(status=status, attempt=1) for status in (S.SUSPENDING, S.SUSPENDED, S.RUNNING)
    ]
    history.moves[3:3] = suspended
    history.seen.insert(3, Seen(at=10.55, status=S.SUSPENDED, attempt=1, is_frozen=True))
    history.resume_sent, history.resumes = 10.75, 1

    # Blocks come every tenth of a second: two of them in that time.
    assert found(history) == {Broken.FALSE_SUSPENDED: 2}


def test_a_frozen_job_does_not_begin_again() -> None:
    history = twice()
    history.task = replace(history.task, runbook=COUNT)
    history.lost.clear()
    history.resumes = 1

    assert found(history)[Broken.EXTRA] == 1


def test_a_person_may_let_it_run_again() -> None:
    history = twice()
    history.task = replace(history.task, runbook=COUNT)
    history.resumes = 1

    assert judge([history]) == []


def test_a_fourth_attempt_of_an_at_least_once_job_is_found() -> None:
    history = completed(AGAIN)
    history.oaths = [oath for attempt in (1, 2, 3, 4) for oath in executed(attempt, 0)]
    history.lost = {1, 2, 3}
    history.ending = None

    assert found(history)[Broken.EXTRA] == 1


def test_an_at_least_once_job_does_not_run_again_where_nothing_was_lost() -> None:
    history = twice()
    history.lost.clear()

    assert found(history)[Broken.EXTRA] == 1


def test_an_attempt_that_the_server_never_granted_is_found(history: JobHistory) -> None:
    history.task = replace(history.task, runbook=AGAIN)
    history.lost = {1}
    history.oaths += executed(2, 0, at=11.0)

    assert found(history) == {Broken.EXTRA: 1}


def test_a_stop_that_nobody_asked_for_is_false() -> None:
    history = stopped()
    history.stop_sent = None

    assert found(history) == {Broken.FALSE_STOPPED: 1}


def test_a_job_that_writes_after_it_was_seen_stopped_was_not() -> None:
    history = stopped()
    history.oaths.append(Oath(attempt=1, block=6, at=13.2))

    assert found(history)[Broken.FALSE_STOPPED] == 1


def test_a_process_that_outlives_stopped_makes_it_false() -> None:
    history = stopped()
    history.survivors = ["sleep of 018f2b3c"]

    assert found(history) == {Broken.FALSE_STOPPED: 1}


def test_a_job_that_writes_after_its_end_was_seen_is_against_the_order(
    history: JobHistory,
) -> None:
    history.oaths = executed(1, history.task.blocks, at=24.0)

    assert found(history) == {Broken.ORDER: 1}


@pytest.mark.parametrize("status", [S.NEW, S.ACTIVATING, S.RUNNING, S.DISCONNECTED, S.STOPPING])
def test_a_job_that_does_not_end_is_stuck(status: JobStatus) -> None:
    history = suspended()
    assert history.ending is not None
    history.ending = replace(history.ending, status=status)

    assert found(history)[Broken.STUCK] == 1


def test_a_suspended_job_is_stuck_unless_a_fault_explains_it() -> None:
    history = suspended()
    history.lost.clear()

    assert found(history)[Broken.STUCK] == 1


def test_a_start_that_is_never_answered_is_stuck(history: JobHistory) -> None:
    history.acknowledged = None

    assert found(history) == {Broken.STUCK: 1}


def test_an_acknowledged_job_that_does_not_exist_is_forgotten(history: JobHistory) -> None:
    history.ending = None

    assert found(history)[Broken.FORGOTTEN] == 1


def test_an_acknowledged_job_that_is_not_found_for_a_moment_is_forgotten(
    history: JobHistory,
) -> None:
    history.unknown.append(9.5)

    assert found(history) == {Broken.FORGOTTEN: 1}


@pytest.mark.parametrize(
    "plant",
    [
        lambda end: replace(end, code=1),
        lambda end: replace(end, status=S.FAILED),
        lambda end: replace(end, code=None),
        lambda end: replace(end, status=S.FAILED, code=None, signal=9),
        lambda end: replace(end, status=S.FAILED, code=None, details="the runner was lost"),
    ],
    ids=["another code", "failed with 0", "without a code", "a signal", "a lost runner"],
)
def test_an_end_that_the_script_did_not_have_is_wrong(
    history: JobHistory, plant: Callable[[Ending], Ending]
) -> None:
    assert history.ending is not None
    history.ending = plant(history.ending)
    last = Move(status=history.ending.status, attempt=1)
    history.moves[-1] = last
    history.seen.pop()

    assert found(history)[Broken.EXIT] == 1


def test_a_change_of_status_that_the_table_does_not_have_is_found(history: JobHistory) -> None:
    history.moves.insert(2, Move(status=S.RESUMING, attempt=1))

    assert found(history) == {Broken.PATH: 1}


def test_an_end_that_changes_is_found(history: JobHistory) -> None:
    history.moves.append(Move(status=S.FAILED, attempt=1))

    assert found(history)[Broken.PATH] >= 1


def test_an_attempt_number_that_goes_back_is_found() -> None:
    history = twice()
    history.moves[3] = Move(status=S.NEW, attempt=0)

    assert found(history)[Broken.PATH] >= 1


def test_a_status_that_was_never_committed_must_not_be_seen(history: JobHistory) -> None:
    history.seen.insert(2, Seen(at=12.0, status=S.DISCONNECTED, attempt=1))

    assert found(history) == {Broken.PATH: 1}


def test_a_status_that_is_older_than_the_last_one_seen_is_found(history: JobHistory) -> None:
    history.seen.insert(3, Seen(at=20.0, status=S.NEW, attempt=0))

    assert found(history) == {Broken.PATH: 1}


def test_a_job_must_not_run_before_it_was_submitted(history: JobHistory) -> None:
    history.sent = 11.0

    assert found(history) == {Broken.ORDER: 1}


def test_a_job_that_was_submitted_later_must_not_be_older() -> None:
    first, second = completed(), completed(job=JOB[:-1] + "2")
    second.sent, second.acknowledged = 30.0, 30.1
    second.oaths = executed(1, second.task.blocks, at=30.2)
    second.seen.clear()
    assert second.ending is not None
    # It begins after the end of the first was seen, and says that it is from before that end.
    second.ending = replace(second.ending, created=1_005.0)

    assert found(first, second) == {Broken.ORDER: 1}


@pytest.mark.parametrize(
    "plant",
    [bytearray.clear, lambda data: data.extend(b"x\n"), lambda data: data.extend(bytes(data))],
    ids=["missed all", "saw more", "saw it twice"],
)
def test_a_follower_that_saw_something_else_is_found(
    history: JobHistory, plant: Callable[[bytearray], object]
) -> None:
    assert history.followed is not None
    plant(history.followed[1, OUTPUT])

    assert found(history) == {Broken.FOLLOWER: 1}


def test_the_command_prints_what_is_stored_and_ends_as_the_job(history: JobHistory) -> None:
    history.command = Command(code=0, output=history.stored[1, OUTPUT], error="")
    assert judge([history]) == []

    history.command = Command(code=1, output=b"", error="")

    assert found(history) == {Broken.FOLLOWER: 1, Broken.EXIT: 1}


def test_the_command_may_leave_a_job_that_is_suspended(history: JobHistory) -> None:
    history.command = Command(code=4, output=history.stored[1, OUTPUT][:20], error="")
    assert found(history) == {Broken.FOLLOWER: 1, Broken.EXIT: 1}

    suspended = [
        Move(status=status, attempt=1) for status in (S.SUSPENDING, S.SUSPENDED, S.RUNNING)
    ]
    history.moves[3:3] = suspended

    assert judge([history]) == []


def test_every_kind_of_violation_is_planted_somewhere() -> None:
    """By the tests above; what is left behind is not a matter of histories."""
    with open(__file__) as file:
        text = file.read()

    assert [kind.name for kind in Broken if f"Broken.{kind.name}" not in text] == ["LEFT"]
