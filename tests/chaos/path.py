"""Whether a job's changes of status, and what was seen of them, are a path of the table."""

import itertools
from collections.abc import Iterator

from tests.chaos.history import JobHistory, Move

from farhand_server.model.job import JobStatus


def path_violations(history: JobHistory) -> Iterator[str]:
    """One sentence for each step that the table does not have."""
    path = [Move(status=JobStatus.NEW, attempt=0), *history.moves]
    for old, new in itertools.pairwise(path):
        if old.status is not new.status and not old.status.may_become(new.status):
            yield f"went from {old.status.name} to {new.status.name}"
        if new.attempt < old.attempt:
            yield f"went from attempt {old.attempt} back to {new.attempt}"
    end = history.ending
    if end is not None and (end.status, end.attempt) != (path[-1].status, path[-1].attempt):
        yield f"is {end.status.name} at the end; the last change was to {path[-1].status.name}"
    yield from _seen(history, path)


def _seen(history: JobHistory, path: list[Move]) -> Iterator[str]:
    """Watchers may miss steps, and see none that was not committed, and none out of order."""
    at = 0
    for seen in history.seen:
        shown = (seen.status, seen.attempt)
        while at < len(path) and (path[at].status, path[at].attempt) != shown:
            at += 1
        if at == len(path):
            yield f"was seen as {seen.status.name} of attempt {seen.attempt}: never, or before"
            return
