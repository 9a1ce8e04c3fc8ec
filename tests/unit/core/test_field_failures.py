"""What went wrong in the field with systems of this kind, as sentences that hold here."""

from itertools import pairwise

import pytest
from tests.support.rules import Rules, entry
from tests.support.samples import job_id
from tests.support.world.course import pass_time, statuses
from tests.support.world.rest import rest
from tests.support.world.rows import OPERATOR
from tests.support.world.world import World

from farhand_server.core import Patience
from farhand_server.core import events as on
from farhand_server.core.effects import Count
from farhand_server.core.overview import Overview
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import JobStatus, Suspension
from farhand_server.model.runbook import Delivery
from farhand_wire import limits

LEASE, DAY = 45, 86_400
#: How long a process is away while it is upgraded.
DOWN_SECONDS = 8


def at_least_once() -> tuple[Rules, SessionId]:
    """A job that may run again, running on web01."""
    rules = Rules()
    rules.ask(on.UpdateAccount, delivery=Delivery.AT_LEAST_ONCE)
    session = rules.connect("web01")
    rules.start()
    rules.accept(session, rules.only(frames.Offer, session))
    return rules, session


def test_ghost_result_after_requeue() -> None:
    """A worker that was given up reports an end after its job was started elsewhere."""
    rules, old = at_least_once()
    rules.lose(old)
    rules.wait(LEASE + 301)
    new = rules.connect("web02")
    rules.accept(new, rules.only(frames.Offer, new))
    ghost = rules.hello("web01", entry(phase="exited"))
    assert isinstance(rules.only(frames.Welcome, ghost).verdicts[0], frames.Discard)

    rules.end(ghost, attempt=1, code=1)
    assert (rules.job().status, rules.job().worker_name) == (JobStatus.ACTIVATING, "web02")
    assert [count.reason for count in rules.followed(Count)] == [
        "Result of an attempt that is over"
    ]
    rules.end(new, attempt=2, code=0)
    assert rules.job().status is JobStatus.COMPLETED


def test_finished_job_not_rerun_after_agent_restart() -> None:
    """The end lies in the journal; the agent that had not told it is gone."""
    world = World(patience=Patience(warm=30.0))
    host = world.add_host()
    world.join(host)
    world.start_agent(host)
    world.flow()
    job = world.submit(again=True)
    world.flow()
    world.kill_agent(host)
    host.exit(host.running()[0], code=7)
    world.start_agent(host)
    rest(world)

    assert len(world.truth.runs(job)) == 1
    ended = world.state.tables.jobs[job]
    assert (ended.status, ended.end and ended.end.code) == (JobStatus.FAILED, 7)


@pytest.mark.parametrize("upgraded", ["server", "agent"])
def test_heartbeats_during_drain(upgraded: str) -> None:
    """A worker that was told to come back, or whose package is replaced, is heard at least every
    other heartbeat, at whatever moment between two of them that happens; its job does not notice.
    """
    world = World()
    host = world.add_host()
    world.join(host)
    world.start_agent(host)
    world.flow()
    job = world.submit()
    heard: list[int] = [world.clock.ms]

    def watch(seconds: int) -> None:
        """The job prints nothing, so only the agent itself is heard."""
        for _ in range(10 * seconds):
            pass_time(world, 0.1)
            overview = world.ask(lambda call: on.Overview(call=call, by=OPERATOR))
            assert isinstance(overview, Overview | None)
            for presence in overview.workers.values() if overview else ():
                heard.append(world.clock.ms - presence.last_heard_ms)

    for moment in range(round(limits.HEARTBEAT_SECONDS)):
        watch(3 * round(limits.HEARTBEAT_SECONDS) + moment)
        if upgraded == "server":
            world.stop_server()
            watch(DOWN_SECONDS)
            world.start_server()
        else:
            world.stop_agent(host)
            watch(DOWN_SECONDS)
            world.start_agent(host)
    watch(round(limits.HEARTBEAT_SECONDS))

    silences = [later - earlier for earlier, later in pairwise(heard)]
    assert max(silences) <= 2 * limits.HEARTBEAT_SECONDS * 1000
    assert statuses(world, job) == [JobStatus.NEW, JobStatus.ACTIVATING, JobStatus.RUNNING]


def test_running_job_after_node_death_ends() -> None:
    """A node that never returns leaves no job Running for ever: somebody is told to decide."""
    rules = Rules()
    session = rules.running()
    rules.lose(session)
    rules.wait(LEASE + DAY + 1)

    assert rules.job().suspension is Suspension.INDETERMINATE
    assert rules.why().do


def test_kill_on_dead_server() -> None:
    """A job whose worker will never answer can be ended, also after a restart of the server."""
    rules = Rules()
    rules.lose(rules.running())
    rules.begin()
    closed = rules.ask(on.ForceCloseJob, job=job_id(1), reason="the node is scrap")

    assert closed.status is JobStatus.FAILED
    rules.begin()
    assert rules.job() == closed


def test_mute_worker_is_quarantined() -> None:
    """A member that is offered a job and says nothing costs one second, once: it gets nothing else
    until it is heard."""
    rules = Rules()
    mute = rules.connect("web01", slots=9)
    rules.start(1)
    assert rules.sent(frames.Offer, mute)
    good = rules.connect("web02")
    rules.wait(1.1)
    assert rules.sent(frames.Offer, good)

    rules.start(2)
    assert not rules.sent(frames.Offer, mute)
    assert rules.sent(frames.Offer, good)
    assert ("web01", "silent") in [(name, verdict) for name, verdict, _ in rules.why(2).workers]


def test_no_job_is_without_an_owner_and_a_patience() -> None:
    """From every state that a job can be in when all machines die, it ends up with a person, within
    its patience and a minute."""
    for prepare in (
        lambda rules, session: None,
        lambda rules, session: rules.stop(),
        lambda rules, session: rules.ask(on.SuspendJob, job=job_id(1)),
        lambda rules, session: (
            rules.ask(on.SuspendJob, job=job_id(1)),
            rules.say(session, frames.Frozen(job=job_id(1), attempt=1)),
            rules.ask(on.ResumeJob, job=job_id(1)),
        ),
    ):
        rules = Rules()
        session = rules.running()
        prepare(rules, session)
        rules.lose(session)
        rules.begin()
        rules.wait(2 * LEASE + DAY + 60)

        assert rules.job().suspension is Suspension.INDETERMINATE
