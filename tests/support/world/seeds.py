"""A world driven by chance: any seed can be run again, step by step."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import partial

from tests.support.memory import Failure
from tests.support.world.adversary import forge
from tests.support.world.backup import restore, take
from tests.support.world.host import FakeHost
from tests.support.world.link import FakeLink
from tests.support.world.rest import prompt, rest
from tests.support.world.stores import Backup
from tests.support.world.translation import WINDOW_BYTES
from tests.support.world.truth import Violation
from tests.support.world.world import BOTH, World

from farhand_agent.core.frames import RunbookType as AgentType
from farhand_server.core import Patience
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.runbook import RunbookType

STEPS = 60
HOSTS = 3
JOBS = 8
YEAR_MS = 365 * 86_400_000
#: The long ones are patience with a job that is Disconnected.
TICKS_MS = (1, 20, 50, 999, 1_000, 1_001, 5_000, 10_000, 60_000, 300_000, 86_400_000)
#: How much of everything goes wrong: most seeds are calm enough for jobs to come through.
MOODS = (0.05, 0.3, 1.0)
OFTEN = 10


class Driver:
    """Chooses steps; `steps` tells which. A step that has nothing to do says False."""

    def __init__(
        self,
        seed: int,
        *,
        trouble: float | None = None,
        often: Collection[str] = (),
        world: Callable[..., World] = World,
        hosts: int = HOSTS,
    ) -> None:
        """`often`: steps that are taken more often than they deserve. `world` makes one."""
        self._seed = seed
        self._random = random.Random(seed)
        warm = self._random.choice((0.0, 1.0, 30.0))
        self._hosts = hosts
        self.world = world(
            seed=seed,
            patience=Patience(warm=warm),
            acknowledge_bytes=self._random.choice((1, 1, WINDOW_BYTES // 16)),
        )
        self.steps: list[str] = [f"warm={warm}"]
        self._saved: Backup | None = None
        mood = self._random.choice(MOODS) if trouble is None else trouble
        self._weights = {
            name: weight * (mood if name in _TROUBLES else 1) * (OFTEN if name in often else 1)
            for name, weight in _WEIGHTS.items()
        }

    @property
    def troubles(self) -> Counter[str]:
        """What went wrong on purpose, by kind."""
        names = (step.partition("(")[0] for step in self.steps)
        return Counter(name for name in names if name in _TROUBLES)

    def run(self) -> None:
        """Raises Violation, with the steps that led to it."""
        try:
            for _ in range(self._random.randint(1, self._hosts)):
                self._add_host()
            for _ in range(STEPS):
                self._step()
                self.world.check()
            self.steps.append("rest")
            rest(self.world)
        except Violation as violation:
            steps = " · ".join(self.steps)
            raise Violation(f"{violation}\nseed {self._seed}: {steps}") from violation

    def _step(self) -> None:
        names = self._random.choices(list(self._weights), list(self._weights.values()), k=20)
        for name in names:
            self.steps.append(name)
            if getattr(self, f"_{name}")() is not False:
                return
            self.steps.pop()

    def _note(self, *details: object) -> None:
        self.steps[-1] += f"({', '.join(map(str, details))})"

    def _one(self, hosts: Iterable[FakeHost]) -> FakeHost | None:
        found = list(hosts)
        if not found:
            return None
        host = self._random.choice(found)
        self._note(host.name)
        return host

    def _agent(self) -> FakeLink | None:
        """One that lives."""
        host = self._one(self.world.links)
        return self.world.links[host] if host is not None else None

    # --- the course of things ---------------------------------------------------------------

    def _submit(self) -> bool | None:
        if self.world.server is None or len(self.world.jobs) >= JOBS:
            return False
        types = (RunbookType.BASH, RunbookType.BASH, RunbookType.PYTHON)
        again = self._random.random() < 0.3
        self.world.submit(RunbookType.BASH if again else self._random.choice(types), again=again)
        return None

    def _flow(self) -> None:
        self.world.flow()

    def _stir(self) -> None:
        """Everybody may do one thing, in any order."""
        for _ in range(self._random.randint(1, 4)):
            acts: list[Callable[[], object]] = [
                self._server_hears,
                self._turn,
                self._write,
                self._loop,
                *(partial(self.world.step_host, host) for host in self.world.hosts),
            ]
            self._random.shuffle(acts)
            for act in acts:
                if self._random.random() < 0.6:
                    act()

    def _prompt(self) -> None:
        prompt(self.world)

    def _server_hears(self) -> bool:
        server = self.world.server
        streams = list(server.streams.values()) if server is not None else []
        self._random.shuffle(streams)
        return any([server.hear(s) for s in streams if server and self._random.random() < 0.6])

    def _turn(self) -> bool | None:
        if self.world.server is None or not self.world.server.has_turn:
            return False
        self.world.turn()
        return None

    def _write(self) -> bool | None:
        if self.world.server is None or not self.world.server.has_output:
            return False
        most, busy = self._random.choice((None, 1, 2)), self._random.random() < 0.5
        self.world.write(most=most, busy=busy)
        return None

    def _loop(self) -> bool:
        return self.world.server is not None and self.world.server.loop()

    def _tick(self) -> None:
        ms = self._random.choice(TICKS_MS)
        self._note(ms)
        self.world.tick(ms)

    def _print(self) -> bool | None:
        host = self._one(host for host in self.world.hosts if host.running())
        if host is None:
            return False
        for sandbox in host.running():
            size = self._random.choice((1, 100, 3_000, 30_000))
            host.print(sandbox, self._random.randbytes(size))
        return None

    def _exit(self) -> bool | None:
        """A frozen script does not end by itself."""
        host = self._one(h for h in self.world.hosts if h.running() or h.frozen())
        if host is None:
            return False
        sandbox = self._random.choice(host.running() + host.frozen())
        if sandbox in host.frozen() or self._random.random() < 0.2:
            host.exit(sandbox, code=None, signal=9)
        else:
            host.exit(sandbox, code=self._random.choice((0, 0, 3)))
        return None

    def _stop(self) -> bool | None:
        job = self._job(lambda job: not job.status.is_final)
        if job is None:
            return False
        self.world.stop(job.id)
        return None

    def _suspend(self) -> bool | None:
        job = self._job(lambda job: job.status in (JobStatus.ACTIVATING, JobStatus.RUNNING))
        if job is None:
            return False
        self.world.suspend(job.id)
        return None

    def _resume(self) -> bool | None:
        job = self._job(lambda job: job.status in (JobStatus.SUSPENDED, JobStatus.SUSPENDING))
        if job is None:
            return False
        self.world.resume(job.id)
        return None

    def _force_close(self) -> bool | None:
        job = self._job(lambda job: not job.status.is_final)
        if job is None:
            return False
        self.world.force_close(job.id)
        return None

    def _job(self, wanted: Callable[[Job], bool]) -> Job | None:
        """One of those that are so."""
        found = [job for job in self.world.jobs if wanted(job)]
        if not found:
            return None
        job = self._random.choice(found)
        self._note(job.id[:8], job.status.name)
        return job

    def _add_host(self) -> bool | None:
        if len(self.world.hosts) >= self._hosts:
            return False
        types = self._random.choice((BOTH, BOTH, frozenset({AgentType.BASH})))
        host = self.world.add_host(slots=self._random.randint(1, 2), types=types)
        self.world.join(host, answer_lost=self._random.random() < 0.1)
        self.world.start_agent(host)
        return None

    def _start_agent(self) -> bool | None:
        host = self._one(host for host in self.world.hosts if host not in self.world.links)
        if host is None:
            return False
        self.world.join(host)
        self.world.start_agent(host)
        return None

    def _start_server(self) -> bool | None:
        if self.world.server is not None:
            return False
        self.world.start_server()
        return None

    # --- trouble ----------------------------------------------------------------------------

    def _step_clock(self) -> None:
        """The date changes; nothing else may."""
        self.world.clock.wall_ms += self._random.choice((-1, 1)) * YEAR_MS

    def _cut(self) -> bool | None:
        agent, server = self._random.choice(((True, True), (True, False), (False, True)))
        link = self._agent()
        if link is None or link.stream is None:
            return False
        self._note("agent knows" if agent else "agent does not know")
        self.world.cut(link.host, agent_knows=agent, server_knows=server)
        return None

    def _hang_up(self) -> bool | None:
        """The agent gives streams up; what it had said may still arrive, late or overtaken."""
        link = self._agent()
        if link is None or link.stream is None:
            return False
        for _ in range(self._random.randint(1, 3)):
            link.lose()
            self.world.tick(1_001)
        return None

    def _kill_agent(self) -> bool | None:
        link = self._agent()
        if link is None:
            return False
        self.world.kill_agent(link.host)
        return None

    def _stop_agent(self) -> bool | None:
        link = self._agent()
        if link is None:
            return False
        self.world.stop_agent(link.host)
        return None

    def _stop_server(self) -> bool | None:
        if self.world.server is None:
            return False
        self.world.stop_server()
        return None

    def _restart_agent(self) -> bool | None:
        """Before anybody has noticed."""
        link = self._agent()
        if link is None:
            return False
        self.world.kill_agent(link.host)
        self.world.start_agent(link.host)
        return None

    def _kill_runner(self) -> bool | None:
        host = self._one(host for host in self.world.hosts if host.sandboxes)
        if host is None:
            return False
        unsaid = self._random.random() < 0.3
        host.kill_runner(self._random.choice(host.runners), unsaid=unsaid)
        return None

    def _reboot(self) -> bool | None:
        host = self._one(self.world.hosts)
        if host is None:
            return False
        self.world.reboot(host, keep_journal=self._random.random() < 0.3)
        return None

    def _wipe(self) -> bool | None:
        host = self._one(self.world.hosts)
        if host is None:
            return False
        self.world.wipe(host)
        return None

    def _lose_state(self) -> bool | None:
        host = self._one(host for host in self.world.hosts if host not in self.world.clones)
        if host is None:
            return False
        self.world.lose_state(host)
        return None

    def _backup(self) -> None:
        self._saved = take(self.world)

    def _restore(self) -> bool | None:
        saved, self._saved = self._saved, None
        if saved is None:
            return False
        restore(self.world, saved)
        return None

    def _release(self) -> bool | None:
        if not self.world.state.tables.generation.number or self.world.server is None:
            return False
        self.world.release()
        return None

    def _keep(self) -> bool | None:
        """Whether it is the right one, nobody knows."""
        workers = self.world.state.tables.workers
        disputed = {worker.id for worker in workers.values() if worker.parties}
        host = self._one(host for host in self.world.hosts if host.worker in disputed)
        if host is None:
            return False
        self.world.keep(host)
        return None

    def _breaks(self) -> bool | None:
        host = self._one(self.world.hosts)
        if host is None:
            return False
        host.broken = "" if host.broken else "the interpreter is gone"
        return None

    def _congest(self) -> bool | None:
        link = self._agent()
        if link is None:
            return False
        link.congested = not link.congested
        return None

    def _kill_server(self) -> bool | None:
        if self.world.server is None:
            return False
        power_loss = self._random.random() < 0.5
        self._note("power loss" if power_loss else "kill")
        self.world.kill_server(power_loss=power_loss)
        return None

    def _failing_turn(self) -> bool | None:
        if self.world.server is None or not self.world.server.has_turn:
            return False
        failure = self._random.choice(list(Failure))
        self._note(failure.name)
        self.world.turn(failure, leaked=self._random.random() < 0.5)
        return None

    def _failing_write(self) -> bool | None:
        if self.world.server is None or not self.world.server.inbox.items:
            return False
        failure = self._random.choice(
            (Failure.COMMIT_FAILS, Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE)
        )
        self._note(failure.name)
        self.world.write(failure)
        return None

    def _remove(self) -> bool | None:
        host = self._one(self.world.hosts)
        if host is None or self.world.server is None:
            return False
        self.world.remove(host)
        return None

    def _forge(self) -> bool | None:
        if self.world.server is None or not self.world.jobs:
            return False
        self._note(forge(self.world, self._random))
        return None

    def _clone(self) -> bool | None:
        host = self._one(h for h in self.world.hosts if h.worker and h not in self.world.clones)
        if host is None or self.world.clones:
            return False
        self.world.start_agent(self.world.clone(host))
        return None


_WEIGHTS: dict[str, float] = {
    "submit": 6,
    "flow": 3,
    "stir": 24,
    "prompt": 3,
    "turn": 2,
    "write": 2,
    "loop": 2,
    "tick": 6,
    "print": 6,
    "exit": 4,
    "stop": 1.5,
    "suspend": 2,
    "resume": 1.5,
    "add_host": 0.5,
    "start_agent": 4,
    "start_server": 4,
    "cut": 4,
    "step_clock": 0.5,
    "force_close": 0.4,
    "hang_up": 2,
    "kill_agent": 2,
    "restart_agent": 1,
    "stop_agent": 0.5,
    "stop_server": 0.5,
    "kill_runner": 0.7,
    "reboot": 0.7,
    "wipe": 0.3,
    "lose_state": 0.2,
    "backup": 0.5,
    "restore": 0.3,
    "release": 0.3,
    "keep": 0.5,
    "breaks": 0.7,
    "congest": 1,
    "kill_server": 1.5,
    "failing_turn": 6,
    "failing_write": 1.5,
    "remove": 0.2,
    "forge": 1,
    "clone": 0.2,
}
_TROUBLES = frozenset(list(_WEIGHTS)[list(_WEIGHTS).index("cut") :])


def run(seed: int, *, trouble: float | None = None, often: Collection[str] = ()) -> None:
    """One world from its beginning to its rest, in a mood of its own or in this one."""
    Driver(seed, trouble=trouble, often=often).run()
