"""What may happen next in a world, in small steps that somebody else may come between.

Without trouble there is one order of things: what is due happens at once, the newest stream first.
People, scripts and init systems do what they like between any two steps. Trouble is whatever else:
something breaks, or something is late and something else overtakes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.memory import Failure
from tests.support.world.adversary import LIES
from tests.support.world.host import FakeHost
from tests.support.world.rows import ACCOUNT
from tests.support.world.world import World

from farhand_server.model.job import Job, JobStatus

CRASHES = (Failure.CRASH_BEFORE_COMMIT, Failure.CRASH_AFTER_COMMIT)
OUTPUT_FAILURES = (Failure.COMMIT_FAILS, Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE)
#: The kind of trouble that a commit of the rules has.
COMMIT = "commit"
#: How a stream may break: who learns of it at once.
CUTS = ("both know", "agent knows", "server knows", "nobody knows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at: a small world, and the kinds of things that happen in it."""

    jobs: int = 1
    #: Troubles on one path, at most.
    troubles: int = 1
    #: Jobs may run again, up to three times.
    again: bool = False
    #: A script may print before it ends.
    prints: bool = False
    #: Somebody may want a job stopped, suspended, or a suspended one resumed.
    stops: bool = False
    suspends: bool = False
    resumes: bool = False
    #: Copies, liars, workers that are removed and jobs that are given up.
    strangers: bool = False
    #: A backup is taken at some moment, and may be gone back to.
    restores: bool = False
    #: Processes, machines and disks that fail, the network, what is late.
    failures: bool = True
    #: If only some kinds of trouble are looked at: names of moves, or COMMIT.
    kinds: frozenset[str] = frozenset()
    #: The first agent has only been started.
    joins: bool = False

    def sees(self, kind: str) -> bool:
        """Whether this kind of trouble is looked at."""
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Move:
    """One step: its name, and which host, stream, job or lie, and how."""

    name: str
    which: int = 0
    how: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.which}" + (f" ({self.how})" if self.how else "")


def due(world: World) -> list[Move]:
    """What waits for nobody, in the order in which it happens if nothing is late."""
    found: list[Move] = []
    for which, host in enumerate(world.hosts):
        link = world.links.get(host)
        if any(runner.is_due for runner in host.runners):
            found.append(Move("runners act", which))
        if link and link.hears_runner:
            found.append(Move("agent hears runners", which))
        if link and link.stream and (link.stream.to_agent or link.stream.over_for_agent):
            found.append(Move("agent hears", which))
    if world.server is not None:
        if world.server.events:
            found.append(Move("turn"))
        for which, stream in reversed(list(enumerate(world.server.streams.values()))):
            if stream.to_server or stream.over_for_server or stream.server_left:
                found.append(Move("server hears", which))
        if world.server.inbox.items:
            found.append(Move("store"))
        elif world.server.has_output:
            found.append(Move("sync"))
    if not found and (world.jobs or not all(link.ready for link in world.links.values())):
        found.append(Move("wait"))
    return found


def wishes(world: World, scope: Scope) -> Iterator[Move]:
    """What people, scripts and init systems may do now."""
    if world.server is None:
        yield Move("start server")
    else:
        if len(world.jobs) < scope.jobs:
            yield Move("submit", int(scope.again))
        for which, job in enumerate(world.jobs):
            yield from _orders(which, job, scope)
        yield from _decisions(world, scope)
    for which, host in enumerate(world.hosts):
        if host not in world.links and host.worker is not None:
            yield Move("start agent", which)
        for sandbox in host.running():
            if scope.prints and not sandbox.data:
                yield Move("print", which)
            yield Move("exit", which)


def _orders(which: int, job: Job, scope: Scope) -> Iterator[Move]:
    if scope.stops and not job.status.is_final and job.status is not JobStatus.STOPPING:
        yield Move("stop", which)
    if scope.suspends and job.status is JobStatus.RUNNING:
        yield Move("suspend", which)
    if job.status is JobStatus.SUSPENDED and (scope.resumes or job.is_frozen):
        yield Move("resume", which)


def _decisions(world: World, scope: Scope) -> Iterator[Move]:
    """What only an operator can know."""
    tables = world.state.tables
    if scope.restores and not tables.generation.number and world.safe is None:
        yield Move("back up")
    for which, host in enumerate(world.hosts):
        worker = tables.workers.get(host.worker) if host.worker is not None else None
        if worker is not None and worker.parties:
            yield Move("keep", which)
    generation = tables.generation.number
    waits = any(worker.generation < generation for worker in tables.workers.values())
    if waits and tables.released.get(ACCOUNT, 0) < generation:
        yield Move("release")


def troubles(world: World, scope: Scope) -> Iterator[Move]:
    """What may go wrong where something is at stake."""
    for move in _troubles(world, scope):
        if scope.sees(move.name):
            yield move


def _troubles(world: World, scope: Scope) -> Iterator[Move]:
    if scope.failures:
        yield from due(world)[1:]
        if world.jobs:
            yield Move("wait")
        if world.server is not None:
            yield from _troubles_of_server(world)
        for which, host in enumerate(world.hosts):
            if _is_involved(world, host):
                yield from _troubles_of(world, which, host)
    if scope.strangers and world.server is not None:
        yield from _strangers(world)
    if world.safe is not None:
        yield Move("restore")


def failures(move: Move) -> Iterator[Move]:
    """The ways in which a commit of the rules may go wrong: what promises nothing may have left
    before a crash."""
    for failure in Failure:
        yield Move(move.name, move.which, failure.name)
    for crash in CRASHES:
        yield Move(move.name, move.which, f"{crash.name}, leaked")


def _troubles_of_server(world: World) -> Iterator[Move]:
    assert world.server is not None
    yield Move("kill server")
    if world.output.has_undurable:
        yield Move("power loss")
    if world.server.inbox.items:
        for failure in OUTPUT_FAILURES:
            yield Move("sync", 0, failure.name)


def _troubles_of(world: World, which: int, host: FakeHost) -> Iterator[Move]:
    link = world.links.get(host)
    if link is not None:
        yield Move("kill agent", which)
    if link is not None and link.stream is not None and not link.stream.cut:
        for how in CUTS:
            yield Move("cut", which, how)
        yield Move("mute", which, "up")
        yield Move("mute", which, "down")
        yield Move("hang up", which)
    for runner, process in enumerate(host.runners):
        if process.sandbox is not None or process.is_due:
            yield Move("kill runner", which, str(runner))
            yield Move("kill runner", which, f"{runner}, unsaid")
    yield Move("reboot", which)
    yield Move("reboot", which, "journal kept")
    if not host.broken:
        yield Move("break", which)


def _strangers(world: World) -> Iterator[Move]:
    if any(job.is_held for job in world.jobs):
        for which in range(LIES):
            yield Move("lie", which)
    for which, host in enumerate(world.hosts):
        if host.worker in world.state.tables.workers and not world.clones:
            yield Move("clone", which)
            if _is_involved(world, host):
                yield Move("remove", which)
                yield Move("wipe", which)
                yield Move("lose state", which)
    for which, job in enumerate(world.jobs):
        if not job.status.is_final:
            yield Move("force-close", which)


def _is_involved(world: World, host: FakeHost) -> bool:
    """Whether it has anything to lose."""
    link = world.links.get(host)
    if host.sandboxes or link is None or not link.ready or link.stream is None:
        return True
    if link.stream.to_agent or link.stream.to_server:
        return True
    return any(job.worker == host.worker and not job.status.is_final for job in world.jobs)
