"""What passes for a proof that a script never ran."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.world.host import FakeHost
from tests.support.world.link import FakeLink
from tests.support.world.runner import attempt_id

from farhand_agent.core import events, runners, session, worker
from farhand_agent.core.effects import StartRunner
from farhand_agent.core.frames import Phase
from farhand_server.core import adoption, fates, leases, sessions
from farhand_server.core.effects import Effect
from farhand_server.model.worker import Ground


def attempts_that_died_run_again(patch: pytest.MonkeyPatch) -> None:
    def again(job: Any, ctx: Any, *, why: str, over: bool) -> list[Any]:
        return fates.never_ran(job, ctx, why=why)

    patch.setattr(fates, "unreported", again)


def any_journal_proves_absence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        adoption,
        "_missing",
        lambda job, ground, ctx: fates.never_ran(job, ctx, why=""),
    )


def a_reboot_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    hello = FakeLink._hello
    patch.setattr(FakeLink, "_hello", lambda *values: replace(hello(*values), boot_id=""))


def anyone_may_say_not_started(patch: pytest.MonkeyPatch) -> None:
    def trusting(session: Any, frame: Any, ctx: Any) -> list[Effect]:
        job = ctx.tx.job(frame.job)
        if job is None or not job.status.is_granted:
            return []
        return fates.never_ran(job, ctx, why=frame.reason)

    patch.setattr(sessions, "_not_started", trusting)


def the_agent_asks_no_runner_before_its_hello(patch: pytest.MonkeyPatch) -> None:
    hello = FakeLink._hello
    patch.setattr(session, "SURVEY_SECONDS", -1.0)
    patch.setattr(
        FakeLink, "_hello", lambda link, frame: hello(link, replace(frame, complete=True))
    )


def boots_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Ground,
        "proves_absence",
        lambda ground, later: bool(later.journal_id) and ground.journal_id == later.journal_id,
    )


def who_stays_away_never_ran_it(patch: pytest.MonkeyPatch) -> None:
    def hasty(worker: Any, ctx: Any) -> list[Effect]:
        jobs = ctx.tx.served_by(worker)
        return [effect for job in jobs for effect in fates.never_ran(job, ctx, why="away")]

    patch.setattr(leases, "_disconnect", hasty)


def a_host_forgets_what_it_has_begun(patch: pytest.MonkeyPatch) -> None:
    begin = FakeHost._begin

    def _begin(host: FakeHost, runner: Any, message: Any) -> Any:
        host.sandboxes.pop(attempt_id(message), None)
        return begin(host, runner, message)

    def gone(event: Any, live: Any, journal: Any, now: float) -> list[Any]:
        attempt = live.attempts.get(event.id)
        if attempt is None or attempt.start is None:
            return runners.gone(event, live, journal, now)
        grant, script = attempt.start
        return [StartRunner(grant=grant, script=script)]

    patch.setattr(FakeHost, "_begin", _begin)
    patch.setitem(worker._EVENTS, events.RunnerGone, gone)


def a_runner_that_is_gone_never_began(patch: pytest.MonkeyPatch) -> None:
    gone = runners.gone

    def hasty(event: Any, live: Any, journal: Any, now: float) -> list[Any]:
        effects = gone(event, live, journal, now)
        attempt = live.attempts.get(event.id)
        if attempt is None or attempt.start is None:
            return effects
        attempt.phase, attempt.void = Phase.VOID, "its runner is gone"
        return runners.not_started(attempt, live)

    patch.setitem(worker._EVENTS, events.RunnerGone, hasty)
