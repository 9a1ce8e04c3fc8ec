"""Receipts, made when somebody asks: nothing of them is on the way of output."""

import asyncio
from collections import OrderedDict

from farhand_server.core.receipt import ReadBack
from farhand_server.engine.ports import Queries
from farhand_server.model.job import Job
from farhand_server.model.output import SpoolId
from farhand_server.model.receipt import Receipt
from farhand_server.rpc.backend import Backend

#: Read in one go: a thread is free again soon, and who left is noticed.
PIECE_BYTES = 1024 * 1024
#: Made at the same time; hashing takes a core each.
AT_ONCE = 2
#: Remembered, of jobs whose end was reported: nothing more comes of them.
MADE = 256


class Receipts:
    """Of whatever attempt. Loop thread only."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._made: OrderedDict[SpoolId, Receipt] = OrderedDict()

    async def of(self, job: Job, attempt: int) -> Receipt:
        """Of a job that is not over: what is here so far."""
        spool = SpoolId(job=job.id, attempt=attempt)
        made = self._made.get(spool)
        if made is None:
            async with self._turns:
                made = await self._make(job, spool)
        if job.status.is_final and job.end is not None:
            self._made[spool] = made
            self._made.move_to_end(spool)
            if len(self._made) > MADE:
                self._made.popitem(last=False)
        return made

    async def _make(self, job: Job, spool: SpoolId) -> Receipt:
        backend = self._backend
        back = ReadBack(await backend.look(backend.queries.extent, spool))
        while not back.is_done:
            await backend.look(_read, backend.queries, spool, back)
        return back.receipt(job, spool.attempt)


def _read(queries: Queries, spool: SpoolId, back: ReadBack) -> None:
    """The next piece. The extent is asked for after it: it knows of all that was left out then."""
    chunks = queries.chunks(spool, back.at, PIECE_BYTES)
    extent = queries.extent(spool)
    for chunk in chunks:
        if not back.is_done:
            back.add(chunk, extent)
    if not chunks:
        back.end()
