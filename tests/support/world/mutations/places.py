"""Who gets a job."""

from dataclasses import replace
from typing import Any

import pytest

from farhand_server.core import dispatch
from farhand_server.core.live import Live
from farhand_server.model.job import JobStatus
from farhand_server.model.runbook import RunbookType


def dead_offers_are_not_opened_again(patch: pytest.MonkeyPatch) -> None:
    def silent(session: Any, ctx: Any) -> list[Any]:
        ctx.live.drop(session)
        return []

    patch.setattr(dispatch, "drop", silent)


def one_job_holds_up_the_others(patch: pytest.MonkeyPatch) -> None:
    place = dispatch.place

    def strict(job: Any, ctx: Any) -> list[Any]:
        if any(
            known.id < job.id
            for known in ctx.tx.waiting(job.group, frozenset(RunbookType), limit=99)
        ):
            return []
        return place(job, ctx)

    patch.setattr(dispatch, "place", strict)


def an_offer_is_good_for_ever(patch: pytest.MonkeyPatch) -> None:
    close = Live.close_offer

    def remembering(live: Any, id_: Any, session: Any) -> Any:
        withdrawn = vars(live).setdefault("withdrawn", {})
        withdrawn[id_] = close(live, id_, session) or withdrawn.get(id_)
        return withdrawn[id_]

    def trusting(session: Any, frame: Any, ctx: Any) -> list[Any]:
        opened = ctx.live.close_offer(frame.offer, session.id)
        job = ctx.tx.job(opened.job)
        waiting = replace(job, status=JobStatus.NEW)
        ctx.tx.swap_job(job, waiting)
        return dispatch.grant(waiting, session, ctx, offer=frame.offer)

    patch.setattr(Live, "close_offer", remembering)
    patch.setattr(dispatch, "accepted", trusting)
