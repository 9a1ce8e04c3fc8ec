"""Histories that never happened: one in which everything is right, to be spoiled."""

from collections import defaultdict
from dataclasses import replace

import pytest
from tests.chaos.history import Ending, JobHistory, Move, Seen
from tests.chaos.runbooks import AGAIN, COUNT, STREAMS, Runbook, Task
from tests.chaos.witness import Oath

from farhand_server.model.job import JobStatus

JOB = "018f2b3c-0000-7000-8000-000000000001"
S = JobStatus


def executed(attempt: int, blocks: int, *, at: float = 10.0) -> list[Oath]:
    """What the script of one attempt swears, ten times a second."""
    return [Oath(attempt=attempt, block=b, at=at + b / 10) for b in range(blocks + 1)]


def completed(runbook: Runbook = COUNT, *, lines: int = 20, job: str = JOB) -> JobHistory:
    """A job that ran once, from beginning to end, and of which everything was seen."""
    task = Task(runbook=runbook, lines=lines, block=2)
    path = [(S.NEW, 0), (S.ACTIVATING, 1), (S.RUNNING, 1), (S.COMPLETED, 1)]
    stored = {(1, s): task.written(job, 1, s, blocks=task.blocks) for s in STREAMS}
    return JobHistory(
        job=job,
        task=task,
        sent=9.0,
        acknowledged=9.1,
        seen=[Seen(at=9.1 + n * 5, status=s, attempt=a) for n, (s, a) in enumerate(path)],
        moves=[Move(status=s, attempt=a) for s, a in path],
        oaths=executed(1, task.blocks),
        ending=Ending(status=S.COMPLETED, attempt=1, code=0, created=1_000.0, ended=1_015.0),
        stored=stored,
        followed=defaultdict(bytearray, {place: bytearray(data) for place, data in stored.items()}),
    )


def stopped(*, sworn: int = 5, stored: int = 5) -> JobHistory:
    """A job that was stopped behind block `sworn`, of which `stored` blocks are stored."""
    history = completed()
    path = [(S.NEW, 0), (S.ACTIVATING, 1), (S.RUNNING, 1), (S.STOPPING, 1), (S.STOPPED, 1)]
    history.moves = [Move(status=s, attempt=a) for s, a in path]
    history.seen = [Seen(at=9.1 + n, status=s, attempt=a) for n, (s, a) in enumerate(path)]
    history.oaths = executed(1, sworn)
    history.stop_sent = 10.5
    history.ending = Ending(status=S.STOPPED, attempt=1, signal=15, created=1_000.0, ended=1_004.0)
    history.stored = {(1, s): history.task.written(JOB, 1, s, blocks=stored) for s in STREAMS}
    history.followed = None
    return history


def suspended() -> JobHistory:
    """A job whose runner was killed, and that waits for a person."""
    history = stopped(sworn=5, stored=3)
    history.moves[3:] = [Move(status=S.SUSPENDED, attempt=1)]
    history.seen[3:] = [Seen(at=13.0, status=S.SUSPENDED, attempt=1)]
    history.stop_sent = None
    history.lost = {1}
    assert history.ending is not None
    history.ending = replace(history.ending, status=S.SUSPENDED, signal=None, ended=None)
    return history


def twice() -> JobHistory:
    """An at-least-once job whose first runner was killed."""
    history = completed(AGAIN)
    task = history.task
    middle = [(S.NEW, 1), (S.ACTIVATING, 2), (S.RUNNING, 2), (S.COMPLETED, 2)]
    history.moves[3:] = [Move(status=s, attempt=a) for s, a in middle]
    history.seen[3:] = [Seen(at=24.0, status=S.COMPLETED, attempt=2)]
    history.oaths = executed(1, 3) + executed(2, task.blocks, at=12.0)
    history.lost = {1}
    assert history.ending is not None
    history.ending = replace(history.ending, attempt=2)
    history.stored = {
        (attempt, s): task.written(JOB, attempt, s, blocks=blocks)
        for attempt, blocks in ((1, 2), (2, task.blocks))
        for s in STREAMS
    }
    history.followed = None
    return history


@pytest.fixture
def history() -> JobHistory:
    return completed()
