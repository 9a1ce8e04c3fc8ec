"""A machine that has lost what it knew: its sandboxes, its state directory, or both.

Nobody can tell any more what became of its jobs. So they wait for a person, who alone decides that
they run again; nobody else's notice it.
"""

from collections.abc import Callable

import pytest
from tests.support.world.course import pass_time
from tests.support.world.host import FakeHost
from tests.support.world.rest import rest
from tests.support.world.world import World

from farhand_server.core import Patience
from farhand_server.model.identifiers import JobId, WorkerId
from farhand_server.model.job import Job, JobStatus, Suspension
from farhand_wire import limits

HOUR = 3_600.0


class Wiped:
    """A job that ran on one of two members, and has printed."""

    def __init__(self, *, again: bool = False, warm: float = 0.0) -> None:
        self.world = World(patience=Patience(warm=warm))
        self.host = self._member()
        self.id = self.world.submit(again=again)
        self.world.flow()
        (self.sandbox,) = self.host.running()
        self.host.print(self.sandbox, b"begun\n")
        self.other = self._member()
        self.world.flow()

    def _member(self) -> FakeHost:
        host = self.world.add_host()
        self.world.join(host)
        self.world.start_agent(host)
        self.world.flow()
        return host

    def lose_sandboxes(self) -> None:
        self.world.wipe(self.host)

    def lose_state(self) -> None:
        self.world.lose_state(self.host)

    def lose_both(self) -> None:
        self.lose_sandboxes()
        self.lose_state()

    def come_back(self) -> None:
        """Its agent starts again, on the same boot; it registers anew if it has to."""
        self.world.join(self.host)
        self.world.start_agent(self.host)
        pass_time(self.world, 1)

    def job(self, id_: JobId | None = None) -> Job:
        return self.world.state.tables.jobs[id_ or self.id]

    @property
    def worker(self) -> WorkerId:
        assert self.host.worker is not None
        return self.host.worker

    @property
    def runs(self) -> int:
        return len(self.world.truth.runs(self.id))


Loss = Callable[[Wiped], None]
LOSSES = pytest.mark.parametrize(
    "lose",
    [Wiped.lose_sandboxes, Wiped.lose_state, Wiped.lose_both],
    ids=["sandboxes", "state directory", "both"],
)


@LOSSES
def test_what_a_wiped_machine_ran_waits_for_a_person(lose: Loss) -> None:
    wiped = Wiped()
    lose(wiped)
    wiped.come_back()

    job = wiped.job()
    assert (job.status, job.suspension) == (JobStatus.SUSPENDED, Suspension.INDETERMINATE)
    assert job.details
    pass_time(wiped.world, HOUR)
    assert wiped.runs == 1
    wiped.world.check()


@LOSSES
def test_a_person_may_let_it_run_once_more(lose: Loss) -> None:
    wiped = Wiped()
    lose(wiped)
    wiped.come_back()
    wiped.world.resume(wiped.id)
    rest(wiped.world)

    assert (wiped.job().status, wiped.job().attempt) == (JobStatus.COMPLETED, 2)
    assert wiped.runs == 2


@LOSSES
def test_a_job_that_may_run_again_does_so_by_itself(lose: Loss) -> None:
    """At least once: a loss costs one of its attempts."""
    wiped = Wiped(again=True)
    lose(wiped)
    wiped.come_back()
    rest(wiped.world)

    assert (wiped.job().status, wiped.job().attempt) == (JobStatus.COMPLETED, 2)
    assert wiped.runs == 2 < limits.ATTEMPTS_MOST


@LOSSES
def test_a_wiped_machine_takes_jobs_again(lose: Loss) -> None:
    wiped = Wiped()
    wiped.world.stop_agent(wiped.other)
    lose(wiped)
    wiped.come_back()
    after = wiped.world.submit()
    wiped.world.flow()
    assert wiped.host.running()

    rest(wiped.world)
    assert wiped.job(after).status is JobStatus.COMPLETED


@LOSSES
def test_what_runs_elsewhere_does_not_notice(lose: Loss) -> None:
    wiped = Wiped()
    wiped.world.stop_agent(wiped.host)
    elsewhere = wiped.world.submit()
    wiped.world.flow()
    assert wiped.other.running()
    lose(wiped)
    wiped.come_back()

    assert wiped.job(elsewhere).status is JobStatus.RUNNING
    rest(wiped.world)
    assert (wiped.job(elsewhere).status, wiped.job(elsewhere).attempt) == (JobStatus.COMPLETED, 1)


@LOSSES
def test_what_had_ended_before_the_loss_stays_so(lose: Loss) -> None:
    wiped = Wiped()
    wiped.host.exit(wiped.sandbox, code=7)
    wiped.world.flow()
    ended = wiped.job()
    lose(wiped)
    wiped.come_back()
    rest(wiped.world)

    assert ended.status is JobStatus.FAILED
    assert wiped.job() == ended


def test_lost_sandboxes_do_not_make_it_another_worker() -> None:
    wiped = Wiped()
    before = wiped.worker
    wiped.lose_sandboxes()
    wiped.come_back()

    assert wiped.worker == before
    assert not wiped.world.state.tables.workers[before].parties


def test_a_lost_state_directory_makes_it_another_worker_and_ends_what_it_ran() -> None:
    """What it runs under its old identity is nobody's: the job was given to a worker that is no
    more, and a new one may not speak for it."""
    wiped = Wiped()
    before = wiped.worker
    wiped.lose_state()
    assert wiped.host.running()
    wiped.come_back()

    assert wiped.worker != before
    assert before not in wiped.world.state.tables.workers
    assert wiped.sandbox.stopping
    rest(wiped.world)
    assert not wiped.host.sandboxes


def test_what_was_stored_before_the_loss_can_be_read() -> None:
    wiped = Wiped()
    wiped.lose_both()
    wiped.come_back()
    spool = next(iter(wiped.world.truth.runs(wiped.id)))

    assert wiped.world.output.durable(spool).endswith(b"begun\n")
