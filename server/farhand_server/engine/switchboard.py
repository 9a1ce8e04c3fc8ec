"""Who is connected and who follows: where effects go on the loop. Loop thread only."""

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from farhand_server.engine.mailbox import Mailbox
from farhand_server.model.identifiers import JobId, SessionId, WorkerId
from farhand_server.model.job import Job

#: Jobs remembered after their last change.
RECENT = 1024


class Watch(asyncio.Event):
    """Set at every news of a job; `job` is what it was at the last change, if there was one."""

    def __init__(self, job: Job | None) -> None:
        super().__init__()
        self.job = job


class Switchboard:
    """Mailboxes by session, watches by job, refused frames by worker."""

    def __init__(self) -> None:
        self._boxes: dict[SessionId, Mailbox] = {}
        self._workers: dict[SessionId, WorkerId] = {}
        self._watches: defaultdict[JobId, set[Watch]] = defaultdict(set)
        self._recent: OrderedDict[JobId, Job] = OrderedDict()
        self._refused: defaultdict[WorkerId, Counter[str]] = defaultdict(Counter)

    def open(self, session: SessionId, box: Mailbox, worker: WorkerId | None = None) -> None:
        """`worker`: who speaks there, if that is known."""
        self._boxes[session] = box
        if worker is not None:
            self.introduce(session, worker)

    def introduce(self, session: SessionId, worker: WorkerId) -> None:
        """A machine that joins has got its identity."""
        if session in self._boxes:
            self._workers[session] = worker

    def close(self, session: SessionId) -> None:
        self._boxes.pop(session, None)
        self._workers.pop(session, None)

    def box(self, session: SessionId) -> Mailbox | None:
        return self._boxes.get(session)

    def boxes(self) -> list[Mailbox]:
        return list(self._boxes.values())

    def changed(self, job: Job) -> None:
        """The job is this now; everyone who watches it looks again."""
        self._recent[job.id] = job
        self._recent.move_to_end(job.id)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        for watch in self._watches.get(job.id, ()):
            watch.job = job
            watch.set()

    def drop(self, job: JobId) -> None:
        """The job is there no more. Who still watches it has its end."""
        self._recent.pop(job, None)

    def wake(self, job: JobId) -> None:
        """Everyone who watches this job looks again: it has new output."""
        for watch in self._watches.get(job, ()):
            watch.set()

    def recent(self, job: JobId) -> Job | None:
        """The job as it is now, if it changed lately; saves a read of the database."""
        return self._recent.get(job)

    def forget(self) -> None:
        """What was remembered of jobs may not have been committed."""
        self._recent.clear()

    @contextmanager
    def watch(self, job: JobId) -> Iterator[Watch]:
        """News of `job`: clear it before you look, then wait."""
        watch = Watch(self._recent.get(job))
        self._watches[job].add(watch)
        try:
            yield watch
        finally:
            self._watches[job].discard(watch)
            if not self._watches[job]:
                del self._watches[job]

    def count(self, worker: WorkerId, reason: str) -> None:
        """A frame of this worker was refused."""
        self._refused[worker][reason] += 1

    def blame(self, session: SessionId, reason: str) -> None:
        """A frame that came in this session was refused."""
        if (worker := self._workers.get(session)) is not None:
            self.count(worker, reason)

    def refused(self, worker: WorkerId) -> dict[str, int]:
        return dict(self._refused.get(worker, {}))
