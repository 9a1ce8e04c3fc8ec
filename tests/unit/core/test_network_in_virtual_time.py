"""What a network does for a second, a minute, an hour and a day, and what of it shows.

The real rules of both sides; nobody sleeps. HTTP/2 pings do not exist here: this is what holds
behind a proxy that answers them itself.
"""

from collections.abc import Callable

import pytest
from tests.support.world.course import pass_time, statuses
from tests.support.world.host import FakeHost
from tests.support.world.rest import rest
from tests.support.world.rows import OPERATOR
from tests.support.world.runner import Sandbox
from tests.support.world.world import World

from farhand_server.core import Patience
from farhand_server.core import events as on
from farhand_server.core.overview import Overview
from farhand_server.model.identifiers import JobId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import SpoolId

UNDISTURBED = [JobStatus.NEW, JobStatus.ACTIVATING, JobStatus.RUNNING, JobStatus.COMPLETED]
MISSED = [
    JobStatus.NEW,
    JobStatus.ACTIVATING,
    JobStatus.RUNNING,
    JobStatus.DISCONNECTED,
    JobStatus.RUNNING,
    JobStatus.COMPLETED,
]
LEASE = Patience().lease
HOUR = 3600.0


class Plant:
    """A server, some members of one group, and a job on one of them."""

    def __init__(self, *, members: int = 1, warm: float = 0.0) -> None:
        self.world = World(patience=Patience(warm=warm))
        for _ in range(members):
            host = self.world.add_host()
            self.world.join(host)
            self.world.start_agent(host)
        self.world.flow()
        self.lines = 0

    def start(self) -> JobId:
        job = self.world.submit()
        self.world.flow()
        return job

    def running(self) -> tuple[JobId, FakeHost]:
        """A job that was running for a while, and has printed."""
        job = self.start()
        pass_time(self.world, 30)
        host = self.host_of(job)
        self.print(host)
        pass_time(self.world, 1)
        return job, host

    def host_of(self, job: JobId) -> FakeHost:
        return next(host for host in self.world.hosts if self._sandboxes(host, job))

    def print(self, host: FakeHost, lines: int = 1) -> None:
        for _ in range(lines):
            self.lines += 1
            for sandbox in host.running():
                host.print(sandbox, b"line %d\n" % self.lines)

    def end(self, job: JobId) -> None:
        """Its script ends, and there is time for the news."""
        host = self.host_of(job)
        host.exit(self._sandboxes(host, job)[0])
        pass_time(self.world, 1)

    def job(self, job: JobId) -> Job:
        return self.world.state.tables.jobs[job]

    def status(self, job: JobId) -> JobStatus:
        return self.job(job).status

    def online(self) -> int:
        """Workers that an operator sees as connected."""
        overview = self.world.ask(lambda call: on.Overview(call=call, by=OPERATOR))
        assert isinstance(overview, Overview)
        return len(overview.workers)

    def is_whole(self, job: JobId) -> bool:
        """Whether every byte that its only attempt ever wrote is safe on the server."""
        spool = SpoolId(job=job, attempt=self.job(job).attempt)
        written = bytes(self.world.truth.written[spool])
        return bool(written) and self.world.output.durable(spool) == written

    def runs(self, job: JobId) -> int:
        return sum(self.world.truth.execs[spool] for spool in self.world.truth.runs(job))

    def _sandboxes(self, host: FakeHost, job: JobId) -> list[Sandbox]:
        return [s for id_, s in host.sandboxes.items() if id_.job_id == job]


def both_know(plant: Plant, host: FakeHost) -> None:
    """The connection breaks at once, as by a reset."""
    plant.world.part(host)
    plant.world.cut(host, agent_knows=True, server_knows=True)


def nobody_knows(plant: Plant, host: FakeHost) -> None:
    plant.world.part(host)


def agent_is_deaf(plant: Plant, host: FakeHost) -> None:
    plant.world.part(host, up=False)


def server_is_deaf(plant: Plant, host: FakeHost) -> None:
    plant.world.part(host, down=False)


Break = Callable[[Plant, FakeHost], None]
ways = pytest.mark.parametrize(
    "break_", [both_know, nobody_knows, agent_is_deaf, server_is_deaf], ids=lambda b: b.__name__
)


@ways
def test_a_cut_of_a_second_is_invisible(break_: Break) -> None:
    plant = Plant()
    job, host = plant.running()
    break_(plant, host)
    plant.print(host)
    pass_time(plant.world, 1)
    plant.world.reunite(host)
    plant.print(host)
    pass_time(plant.world, 30)
    plant.end(job)

    assert statuses(plant.world, job) == UNDISTURBED
    assert plant.is_whole(job)


@pytest.mark.parametrize("break_", [both_know, nobody_knows, server_is_deaf])
def test_a_cut_of_a_minute_shows_from_the_end_of_the_lease_on(break_: Break) -> None:
    plant = Plant()
    job, host = plant.running()
    break_(plant, host)
    pass_time(plant.world, 30)
    assert plant.status(job) is JobStatus.RUNNING
    plant.print(host)
    pass_time(plant.world, 30)
    assert plant.status(job) is JobStatus.DISCONNECTED
    assert plant.online() == 0

    plant.world.reunite(host)
    pass_time(plant.world, 5)
    assert plant.status(job) is JobStatus.RUNNING
    assert plant.online() == 1
    plant.end(job)
    assert statuses(plant.world, job) == MISSED
    assert plant.is_whole(job)


def test_an_agent_that_hears_nothing_for_a_minute_is_missed_from_when_it_was_heard_last() -> None:
    """It gives the stream up after two heartbeats without an answer, and those did arrive."""
    plant = Plant()
    job, host = plant.running()
    agent_is_deaf(plant, host)
    pass_time(plant.world, 30)
    assert plant.online() == 0
    pass_time(plant.world, 30)
    assert plant.status(job) is JobStatus.RUNNING
    pass_time(plant.world, 10)
    assert plant.status(job) is JobStatus.DISCONNECTED


@ways
def test_an_hour_of_output_waits_in_the_spool_and_nothing_is_lost(break_: Break) -> None:
    plant = Plant()
    job, host = plant.running()
    break_(plant, host)
    for _ in range(60):
        plant.print(host, lines=200)
        pass_time(plant.world, 60)
    assert plant.status(job) is JobStatus.DISCONNECTED
    assert not plant.is_whole(job)

    plant.world.reunite(host)
    plant.print(host)
    pass_time(plant.world, 5)
    assert plant.is_whole(job)
    plant.end(job)
    assert statuses(plant.world, job) == MISSED
    assert plant.is_whole(job)


def test_a_job_that_ended_during_an_hour_without_network_reports_afterwards() -> None:
    plant = Plant()
    job, host = plant.running()
    nobody_knows(plant, host)
    plant.print(host, lines=1000)
    plant.end(job)
    pass_time(plant.world, HOUR)
    assert plant.status(job) is JobStatus.DISCONNECTED

    plant.world.reunite(host)
    pass_time(plant.world, 5)
    assert statuses(plant.world, job) == MISSED
    assert plant.is_whole(job)


@pytest.mark.parametrize("flaps", [20])
def test_a_network_that_comes_and_goes_loses_nothing(flaps: int) -> None:
    plant = Plant()
    job, host = plant.running()
    for round_ in range(flaps):
        (both_know, nobody_knows, agent_is_deaf, server_is_deaf)[round_ % 4](plant, host)
        plant.print(host, lines=50)
        pass_time(plant.world, 7)
        plant.world.reunite(host)
        plant.print(host, lines=50)
        pass_time(plant.world, 3)
    pass_time(plant.world, 60)
    plant.end(job)

    assert statuses(plant.world, job) == UNDISTURBED
    assert plant.is_whole(job)


def test_chunk_upload_never_gives_up() -> None:
    """The server is away for three hours, and every byte arrives."""
    plant = Plant()
    job, host = plant.running()
    plant.world.kill_server()
    for _ in range(180):
        plant.print(host, lines=100)
        pass_time(plant.world, 60)
    plant.world.start_server()
    pass_time(plant.world, 60)
    assert plant.is_whole(job)
    plant.end(job)

    assert statuses(plant.world, job) == UNDISTURBED
    assert plant.is_whole(job)


def test_lost_worker_is_not_rerun_by_default() -> None:
    """Its worker is away for more than a day, another member is free: the job runs once."""
    plant = Plant(members=2)
    job, host = plant.running()
    nobody_knows(plant, host)
    pass_time(plant.world, 25 * HOUR)
    assert plant.status(job) in (JobStatus.DISCONNECTED, JobStatus.SUSPENDED)
    assert plant.runs(job) == 1

    plant.world.reunite(host)
    pass_time(plant.world, 60)
    assert plant.status(job) is JobStatus.RUNNING
    plant.end(job)
    assert plant.status(job) is JobStatus.COMPLETED
    assert plant.runs(job) == 1
    assert plant.is_whole(job)
    rest(plant.world)


# --- a worker that hears nothing ------------------------------------------------------------


@pytest.mark.parametrize("warm", [0.0, 30.0])
def test_a_deaf_worker_is_offline_within_the_lease_and_its_job_moves(warm: float) -> None:
    """What it says still arrives, so for a while it looks healthy."""
    plant = Plant(members=2, warm=warm)
    deaf = plant.world.hosts[0]
    agent_is_deaf(plant, deaf)
    jobs = [plant.start() for _ in range(2)]
    pass_time(plant.world, LEASE)
    assert plant.online() == 1

    plant.world.reunite(deaf)
    pass_time(plant.world, 5)
    assert [plant.runs(job) for job in jobs] == [1, 1]
    for job in jobs:
        plant.end(job)
        assert plant.status(job) is JobStatus.COMPLETED


def test_a_deaf_worker_is_asked_once_and_costs_each_job_nothing() -> None:
    plant = Plant(members=2)
    deaf, other = plant.world.hosts
    agent_is_deaf(plant, deaf)
    first = plant.start()
    pass_time(plant.world, 1.5)
    second = plant.start()
    pass_time(plant.world, 0.1)

    assert plant.host_of(first) is other
    assert plant.host_of(second) is other


def test_a_grant_that_a_deaf_worker_never_got_is_taken_back_when_it_returns() -> None:
    """An hour later: until it is heard nobody can know that the script never began."""
    plant = Plant(warm=30.0)
    host = plant.world.hosts[0]
    pass_time(plant.world, 15)
    agent_is_deaf(plant, host)
    job = plant.start()
    assert plant.status(job) is JobStatus.ACTIVATING
    pass_time(plant.world, HOUR)
    assert plant.status(job) is JobStatus.DISCONNECTED
    assert plant.runs(job) == 0

    plant.world.reunite(host)
    pass_time(plant.world, 5)
    assert (plant.job(job).attempt, plant.runs(job)) == (2, 1)
    plant.end(job)
    assert plant.status(job) is JobStatus.COMPLETED
