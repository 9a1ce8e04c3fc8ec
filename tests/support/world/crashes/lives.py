"""Lives of one job, with whatever dies on the way: what died comes back, and it goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.support.world.control_plane import ControlPlane
from tests.support.world.course import next_due_ms
from tests.support.world.crashes.tripwire import Died, Point, Tripwire, Victim
from tests.support.world.crashes.wired import WiredWorld
from tests.support.world.host import FakeHost
from tests.support.world.link import FakeLink
from tests.support.world.rest import rest
from tests.support.world.rows import GROUP, OPERATOR

from farhand_server.core import events as on
from farhand_server.core.events import CallId, Event
from farhand_server.errors import Refusal, ShuttingDown
from farhand_server.model.identifiers import JobId
from farhand_server.model.job import Job
from farhand_server.model.runbook import RunbookType

JOB = JobId("00000000-0000-7000-8000-00000000000a")
#: Until everybody has noticed that somebody is gone: more than a lease.
_LONG_MS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a server dies."""

    power_loss: bool = False
    #: What promises nothing had left before a commit that was not reached.
    leaked: bool = False


class Life:
    """One job on one of two hosts, from its submission until its worker has forgotten it."""

    def __init__(self, wire: Tripwire, manner: Manner) -> None:
        self.world = WiredWorld(wire)
        #: A runner died while its script ran: how that would have ended, nobody knows.
        self.has_lost_script = False
        self._manner = manner
        for _ in range(2):
            host = self.world.add_host(slots=1)
            self.world.join(host)
            self.world.wire(host)
        wire.is_armed = True
        self._revive()
        self._flow()

    @property
    def job(self) -> Job | None:
        return self.world.state.tables.jobs.get(JOB)

    # --- what a person and a script do ------------------------------------------------------

    def submit(self) -> None:
        self._insist(
            lambda call: on.StartJob(
                call=call,
                by=OPERATOR,
                job=JOB,
                runbook=RunbookType.BASH.value,
                run_on=GROUP.name,
                parameters="{}",
                arguments=(),
            )
        )

    def stop(self) -> None:
        self._insist(lambda call: on.StopJob(call=call, by=OPERATOR, job=JOB))

    def suspend(self) -> None:
        self._insist(lambda call: on.SuspendJob(call=call, by=OPERATOR, job=JOB))

    def resume(self) -> None:
        if self.job is not None and self.job.is_frozen:
            self._insist(lambda call: on.ResumeJob(call=call, by=OPERATOR, job=JOB))

    def print(self) -> None:
        for host in self.world.hosts:
            for sandbox in host.running():
                host.print(sandbox, b"a line\n")
        self._flow()

    def exit(self) -> None:
        for host in self.world.hosts:
            for sandbox in host.running():
                if sandbox.stopping:
                    host.exit(sandbox, code=None, signal=15)
                else:
                    host.exit(sandbox)
        self._flow()

    def wait(self, ms: int) -> None:
        """Time passes; everybody does what is due, when it is due."""
        until = self.world.clock.ms + ms
        while (left := until - self.world.clock.ms) > 0:
            self.world.clock.ms += min(left, next_due_ms(self.world))
            for host, link in list(self.world.links.items()):
                self._attempt(Victim.AGENT, host, link.tick)
            self._flow()

    def heal(self) -> None:
        """Whoever is dead starts again when all have noticed, and all comes to rest. Raises
        Violation."""
        self.wait(_LONG_MS)
        self._revive()
        rest(self.world)

    # --- how it goes on ---------------------------------------------------------------------

    def _insist(self, make: Callable[[CallId], Event]) -> None:
        """Asks until there is an answer: who asks knows only what was answered."""
        for _ in range(10):
            self._revive()
            answers: list[object] = []
            assert self.world.server is not None
            self.world.server.ask(make, answers.append)
            self._flow()
            if answers and not isinstance(answers[0], ShuttingDown):
                assert not isinstance(answers[0], Refusal) or self.job is not None
                return
            self.wait(2_000)
        raise AssertionError("never answered")

    def _revive(self) -> None:
        while self.world.server is None:
            self._attempt(Victim.SERVER, None, self.world.start_server)
        for host in self.world.hosts:
            self._attempt(Victim.AGENT, host, partial(self.world.start_agent, host))

    def _flow(self) -> None:
        while self._round():
            pass
        self.world.check()

    def _round(self) -> bool:
        """Everybody does one thing; False if nobody had anything to do."""
        moved = False
        for host in self.world.hosts:
            for runner in list(host.runners):
                moved |= self._attempt(Victim.RUNNER, host, runner.step)
            for act in (FakeLink.hear_runners, FakeLink.hear):
                if (link := self.world.links.get(host)) is not None:
                    moved |= self._attempt(Victim.AGENT, host, partial(act, link))
        return self._serve() or moved

    def _serve(self) -> bool:
        if (server := self.world.server) is None:
            return False
        acts: list[Callable[[], object]] = []
        acts += [partial(server.hear, stream) for stream in server.streams.values()]
        acts += [partial(_if, server, "has_turn", server.turn)]
        acts += [partial(_if, server, "has_output", server.write), server.loop]
        moved = False
        for act in acts:
            if self.world.server is server:
                moved |= self._attempt(Victim.SERVER, None, act)
        return moved

    def _attempt(self, whose: Victim, host: FakeHost | None, act: Callable[[], object]) -> bool:
        """Whether anything happened; a death is something."""
        try:
            return bool(act())
        except Died as death:
            self._bury(death.victim, host, act)
            return True

    def _bury(self, victim: Victim, host: FakeHost | None, act: Callable[[], object]) -> None:
        if victim is Victim.SERVER:
            if self._manner.leaked and self.world.server is not None:
                self.world.server.loop()
            self.world.kill_server(power_loss=self._manner.power_loss)
            return
        assert host is not None
        if victim is Victim.AGENT:
            self.world.kill_agent(host)
            return
        runner = next(runner for runner in host.runners if runner.step == act)
        self.has_lost_script |= runner.sandbox is not None and runner.sandbox.runs
        host.kill_runner(runner)


def _if(server: ControlPlane, has: str, act: Callable[[], object]) -> bool:
    if not getattr(server, has):
        return False
    act()
    return True


# --- courses ------------------------------------------------------------------------------------


def plain(life: Life) -> None:
    """Submitted, offered, granted, started, two pieces of output, result, forgotten."""
    life.submit()
    life.wait(1_000)
    life.print()
    life.wait(1_000)
    life.print()
    life.exit()
    life.wait(1_000)


def stopped(life: Life) -> None:
    """Somebody wants it to end while it runs."""
    life.submit()
    life.wait(1_000)
    life.print()
    life.stop()
    life.exit()
    life.wait(1_000)


def frozen(life: Life) -> None:
    """Somebody wants it to stand still for a while."""
    life.submit()
    life.wait(1_000)
    life.print()
    life.suspend()
    life.wait(1_000)
    life.resume()
    life.wait(1_000)
    life.exit()
    life.wait(1_000)


Course = Callable[[Life], None]
COURSES: tuple[Course, ...] = (plain, stopped, frozen)


def moments(course: Course) -> dict[str, int]:
    """How many there are of each kind, if nobody dies."""
    wire = Tripwire()
    course(Life(wire, Manner()))
    return dict(wire.moments)


def manners(kind: str) -> list[Manner]:
    """How whoever dies at such a moment may die."""
    if "commit" in kind or "server" in kind or "sync" in kind:
        return [Manner(), Manner(power_loss=True), Manner(leaked=True)]
    return [Manner()]


def lived(course: Course, point: Point, manner: Manner) -> Life:
    """A life in which somebody dies at that point, brought to rest. Raises Violation."""
    wire = Tripwire(point)
    life = Life(wire, manner)
    course(life)
    assert wire.has_fired, f"{point} was not reached"
    life.heal()
    return life
