"""Who is connected and who follows: where effects go on the loop. Loop thread only."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from farhand_server.engine.mailbox import Mailbox
from farhand_server.model.identifiers import JobId, SessionId, WorkerId


class Switchboard:
    """Mailboxes by session, sleepers by job, refused frames by worker."""

    def __init__(self) -> None:
        self._boxes: dict[SessionId, Mailbox] = {}
        self._sleepers: defaultdict[JobId, set[asyncio.Event]] = defaultdict(set)
        self._refused: defaultdict[WorkerId, Counter[str]] = defaultdict(Counter)

    def open(self, session: SessionId, box: Mailbox) -> None:
        self._boxes[session] = box

    def close(self, session: SessionId) -> None:
        self._boxes.pop(session, None)

    def box(self, session: SessionId) -> Mailbox | None:
        return self._boxes.get(session)

    def boxes(self) -> list[Mailbox]:
        return list(self._boxes.values())

    def wake(self, job: JobId) -> None:
        """Everyone who watches this job looks again."""
        for sleeper in self._sleepers.get(job, ()):
            sleeper.set()

    @contextmanager
    def watch(self, job: JobId) -> Iterator[asyncio.Event]:
        """An event that is set at every news of `job`; clear it before you look."""
        sleeper = asyncio.Event()
        self._sleepers[job].add(sleeper)
        try:
            yield sleeper
        finally:
            self._sleepers[job].discard(sleeper)
            if not self._sleepers[job]:
                del self._sleepers[job]

    def count(self, worker: WorkerId, reason: str) -> None:
        """A frame of this worker was refused."""
        self._refused[worker][reason] += 1

    def refused(self, worker: WorkerId) -> dict[str, int]:
        return dict(self._refused.get(worker, {}))
