"""What a person asked for."""

from typing import Any

import pytest

from farhand_agent.core import frost, worker
from farhand_agent.core.frames import Freeze, Frozen
from farhand_agent.core.live import Live
from farhand_server.core import core, jobs, orders
from farhand_server.core import events as on
from farhand_server.core.finding import find_job
from farhand_server.model.job import JobStatus


def a_stop_is_not_repeated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(orders, "due", lambda job, session: [])


def frozen_is_said_before_it_is_so(patch: pytest.MonkeyPatch) -> None:
    def hasty(frame: Freeze, live: Live, journal: Any, now: float) -> list[Any]:
        attempt = live.attempts.get(frame.id)
        passed_on = frost.freeze(frame, live, journal, now)
        if attempt is None or not attempt.runs:
            return passed_on
        return [*live.say(Frozen(id=frame.id)), *passed_on]

    patch.setitem(worker._FRAMES, Freeze, hasty)


def stopped_is_said_at_once(patch: pytest.MonkeyPatch) -> None:
    def hasty(event: Any, ctx: Any) -> list[Any]:
        job = find_job(event, ctx)
        if not job.status.is_granted:
            return jobs.stop(event, ctx)
        stopped = job.finish(JobStatus.STOPPED, details="", ended=ctx.now.unix_ms)
        return jobs._swap(job, stopped, event, ctx, orders.tell(job, ctx))

    patch.setitem(core.RULES, on.StopJob, hasty)
