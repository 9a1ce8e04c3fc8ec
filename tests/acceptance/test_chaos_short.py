"""A short storm over real processes, the same each time; `make chaos` is the long one."""

from dataclasses import replace

import pytest
from tests.chaos import plan, real
from tests.chaos.plan import Blow, Kind, Plan, Submission
from tests.chaos.runbooks import COUNT, ORPHAN, STEP

SECONDS = 12.0
#: No script of the storm writes for longer.
SCRIPT_SECONDS = 3.0
BLOWS = (
    Blow(at=1.5, kind=Kind.LINK_KILL, pick=0),
    Blow(at=2.5, kind=Kind.AGENT_KILL, pick=1, lasting=0.5),
    Blow(at=3.5, kind=Kind.SERVER_KILL, pick=0, lasting=0.2),
    Blow(at=5.0, kind=Kind.CUT, pick=0, lasting=0.3),
    Blow(at=6.0, kind=Kind.RUNNER_KILL, pick=0),
    Blow(at=6.5, kind=Kind.AGENT_RESTART, pick=0, lasting=0.1),
    Blow(at=7.5, kind=Kind.OPERATORS_CUT, pick=0, lasting=0.3),
    Blow(at=8.0, kind=Kind.LINK_FREEZE, pick=1, lasting=1.0),
    Blow(at=9.5, kind=Kind.SERVER_FREEZE, pick=0, lasting=1.0),
    Blow(at=11.0, kind=Kind.LAUNCHER_KILL, pick=1, lasting=0.1),
    Blow(at=11.5, kind=Kind.SERVER_RESTART, pick=0, lasting=0.1),
)


@pytest.mark.timeout(400)
async def test_a_short_storm_breaks_no_promise() -> None:
    played = await real.play(storm(), agents=2, say=print)

    assert played.report.broken == []
    assert {struck.kind for struck in played.nemesis.struck} == {blow.kind for blow in BLOWS}
    met = sum(struck.jobs for struck in played.nemesis.struck)
    assert met > len(BLOWS), "the storm met nobody"
    assert sum(history.executions() for history in played.histories) >= len(played.histories) // 2
    assert any(history.reconnects for history in played.histories)


def storm() -> Plan:
    made = plan.make(
        20, seconds=SECONDS, jobs_per_second=2.0, offered=frozenset({COUNT, STEP, ORPHAN})
    )
    brief = tuple(_brief(submission) for submission in made.submissions)
    return replace(made, submissions=brief, blows=BLOWS)


def _brief(submission: Submission) -> Submission:
    task = submission.task
    pause = min(task.pause_seconds, SCRIPT_SECONDS / task.blocks)
    return replace(submission, task=replace(task, pause_seconds=pause))
