"""Attempts that were granted in the time that a restore from a backup has lost.

A worker that lists one when it reports is believed as far as the job is its group's and open: the
attempt is its own again. The numbers that the lost time may have used up are known (`reserved`),
and new grants go on above them, so that none is given twice.
"""

from dataclasses import replace

from farhand_server.core import dispatch, orders, restoring
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect
from farhand_server.model import frames
from farhand_server.model.job import Attempt, Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.model.worker import Worker

_WAITS = frozenset({JobStatus.NEW, JobStatus.BLOCKED})


def take_over(worker: Worker, hello: frames.Hello, ctx: Context) -> list[Effect]:
    """Makes every such attempt of a journal the current one of its job, as if it had just been
    granted. What it does, the journal tells as of any other."""
    effects: list[Effect] = []
    if restoring.has_reported(worker, ctx) and worker.has_said_hello:
        return effects
    for entry in hello.journal:
        job = ctx.tx.job(entry.job)
        if job is not None and _is_lost(job, entry, worker):
            effects += _adopt(job, entry, worker, hello, ctx)
    return effects


def _is_lost(job: Job, entry: frames.JournalEntry, worker: Worker) -> bool:
    return (
        job.attempt < entry.attempt <= job.reserved
        and job.group == worker.group
        and not job.status.is_final
        and entry.phase != "void"
    )


def _adopt(
    job: Job, entry: frames.JournalEntry, worker: Worker, hello: frames.Hello, ctx: Context
) -> list[Effect]:
    adopted = replace(
        job.become(JobStatus.ACTIVATING) if job.status in _WAITS else job,
        attempt=entry.attempt,
        worker=worker.id,
        worker_name=worker.name,
        ground=hello.ground,
        started=None,
        may_run=True,
        away_ms=0,
    )
    if not ctx.tx.swap_job(job, adopted):
        return []
    ctx.tx.add_attempt(
        Attempt(
            job=job.id,
            attempt=entry.attempt,
            worker=worker.id,
            worker_name=worker.name,
            granted=ctx.now.unix_ms,
        )
    )
    return [*dispatch.withdraw(adopted, ctx), *_fence(job, ctx)]


def _fence(job: Job, ctx: Context) -> list[Effect]:
    """The attempt before is over: a higher one would not have been granted else. Whoever still
    runs it is to end it."""
    if job.worker is None:
        return []
    ctx.live.started.pop(SpoolId(job=job.id, attempt=job.attempt), None)
    ctx.tx.end_attempt(
        job.id, job.attempt, ended=ctx.now.unix_ms, outcome="died: a later attempt was found"
    )
    session = ctx.live.of_worker(job.worker)
    return [orders.stop(job, session.id)] if session is not None else []
