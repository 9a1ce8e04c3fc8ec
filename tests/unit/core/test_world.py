"""Every promise holds after every step that hypothesis can think of; it shrinks what breaks one."""

import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.memory import Failure
from tests.support.world.adversary import forge
from tests.support.world.backup import restore, take
from tests.support.world.host import FakeHost
from tests.support.world.rest import prompt, rest
from tests.support.world.stores import Backup
from tests.support.world.world import World

from farhand_server.core import Patience
from farhand_server.model.job import JobStatus
from farhand_server.model.runbook import RunbookType

which = st.integers(min_value=0, max_value=7)
types = st.sampled_from((RunbookType.BASH, RunbookType.BASH, RunbookType.PYTHON))
output_failures = st.sampled_from(
    (Failure.COMMIT_FAILS, Failure.COMMIT_SUCCEEDS_BUT_REPORTS_FAILURE)
)


_RESUMABLE = (JobStatus.SUSPENDING, JobStatus.SUSPENDED)


class WorldMachine(RuleBasedStateMachine):
    """Two hosts to begin with; a third may join."""

    world: World
    saved: Backup | None = None

    @initialize(warm=st.sampled_from((0.0, 1.0, 30.0)), slots=st.integers(1, 2))
    def begin(self, warm: float, slots: int) -> None:
        self.world = World(patience=Patience(warm=warm))
        for _ in range(2):
            self._join(self.world.add_host(slots=slots))
        self.world.flow()

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            rest(self.world)

    # --- the course of things ---------------------------------------------------------------

    @rule(type_=types)
    def submit(self, type_: RunbookType) -> None:
        self.world.submit(type_)

    @rule(index=which)
    def stop(self, index: int) -> None:
        if jobs := self.world.jobs:
            self.world.stop(jobs[index % len(jobs)].id)

    @rule(index=which)
    def suspend(self, index: int) -> None:
        if jobs := self.world.jobs:
            self.world.suspend(jobs[index % len(jobs)].id)

    @rule(index=which)
    def resume(self, index: int) -> None:
        if jobs := [job for job in self.world.jobs if job.status in _RESUMABLE]:
            self.world.resume(jobs[index % len(jobs)].id)

    @rule()
    def flow(self) -> None:
        self.world.flow()

    @rule()
    def nobody_waits_beside_a_free_member(self) -> None:
        prompt(self.world)

    @rule(index=which, steps=st.integers(1, 4))
    def host_moves(self, index: int, steps: int) -> None:
        for _ in range(steps):
            self.world.step_host(self._host(index))

    @rule(index=which)
    def server_hears(self, index: int) -> None:
        if self.world.server and (streams := list(self.world.server.streams.values())):
            self.world.server.hear(streams[index % len(streams)])

    @rule()
    def rules_take_a_turn(self) -> None:
        self.world.turn()

    @rule(most=st.sampled_from((None, 1, 2)), busy=st.booleans())
    def output_is_written(self, most: int | None, busy: bool) -> None:
        self.world.write(most=most, busy=busy)

    @rule()
    def loop_runs(self) -> None:
        if self.world.server:
            self.world.server.loop()

    @rule(ms=st.sampled_from((1, 20, 50, 1_000, 5_000, 10_000, 60_000)))
    def tick(self, ms: int) -> None:
        self.world.tick(ms)

    @rule(index=which, size=st.sampled_from((1, 500, 30_000)), byte=st.integers(0, 255))
    def print(self, index: int, size: int, byte: int) -> None:
        host = self._host(index)
        for sandbox in host.running():
            host.print(sandbox, bytes([byte]) * size)

    @rule(index=which, code=st.sampled_from((0, 0, 3)))
    def exit(self, index: int, code: int) -> None:
        host = self._host(index)
        if running := host.running():
            host.exit(running[0], code=code)

    @precondition(lambda self: len(self.world.hosts) < 3)
    @rule(answer_lost=st.booleans())
    def add_host(self, answer_lost: bool) -> None:
        host = self.world.add_host()
        self.world.join(host, answer_lost=answer_lost)
        self.world.start_agent(host)

    # --- trouble ----------------------------------------------------------------------------

    @rule(index=which, agent_knows=st.booleans(), server_knows=st.booleans())
    def cut(self, index: int, agent_knows: bool, server_knows: bool) -> None:
        self.world.cut(self._host(index), agent_knows=agent_knows, server_knows=server_knows)

    @rule(index=which, again=st.booleans())
    def kill_agent(self, index: int, again: bool) -> None:
        self.world.kill_agent(self._host(index))
        if again:
            self._join(self._host(index))

    @rule(index=which)
    def stop_agent(self, index: int) -> None:
        self.world.stop_agent(self._host(index))

    @rule()
    def stop_server(self) -> None:
        self.world.stop_server()

    @rule(index=which)
    def start_agent(self, index: int) -> None:
        self._join(self._host(index))

    @rule(index=which, runner=which)
    def kill_runner(self, index: int, runner: int) -> None:
        host = self._host(index)
        host.kill_runner(host.runners[runner % len(host.runners)])

    @rule(index=which, keep_journal=st.booleans())
    def reboot(self, index: int, keep_journal: bool) -> None:
        self.world.reboot(self._host(index), keep_journal=keep_journal)

    @rule(index=which, why=st.sampled_from(("", "the interpreter is gone")))
    def break_or_mend(self, index: int, why: str) -> None:
        self._host(index).broken = why

    @rule(index=which, congested=st.booleans())
    def congest(self, index: int, congested: bool) -> None:
        if link := self.world.links.get(self._host(index)):
            link.congested = congested

    @rule(power_loss=st.booleans())
    def kill_server(self, power_loss: bool) -> None:
        self.world.kill_server(power_loss=power_loss)

    @rule()
    def start_server(self) -> None:
        self.world.start_server()

    @rule(failure=st.sampled_from(Failure), leaked=st.booleans())
    def failing_turn(self, failure: Failure, leaked: bool) -> None:
        self.world.turn(failure, leaked=leaked)

    @rule(failure=output_failures)
    def failing_write(self, failure: Failure) -> None:
        self.world.write(failure)

    @rule(index=which)
    def remove_worker(self, index: int) -> None:
        self.world.remove(self._host(index))

    @rule(index=which)
    def wipe(self, index: int) -> None:
        self.world.wipe(self._host(index))

    @rule(index=which)
    def lose_state(self, index: int) -> None:
        if (host := self._host(index)) not in self.world.clones:
            self.world.lose_state(host)

    @precondition(lambda self: not self.world.clones)
    @rule(index=which)
    def clone(self, index: int) -> None:
        if (host := self._host(index)).worker is not None:
            self.world.start_agent(self.world.clone(host))

    @rule(index=which)
    def keep(self, index: int) -> None:
        self.world.keep(self._host(index))

    @rule()
    def back_up(self) -> None:
        self.saved = take(self.world)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self) -> None:
        assert self.saved is not None
        restore(self.world, self.saved)
        self.saved = None

    @precondition(lambda self: self.world.server is not None)
    @rule()
    def release(self) -> None:
        self.world.release()

    @precondition(lambda self: self.world.server is not None)
    @rule(seed=st.integers(0, 1000))
    def forge(self, seed: int) -> None:
        forge(self.world, random.Random(seed))

    def _host(self, index: int) -> FakeHost:
        return self.world.hosts[index % len(self.world.hosts)]

    def _join(self, host: FakeHost) -> None:
        self.world.join(host)
        self.world.start_agent(host)


TestWorld = WorldMachine.TestCase
TestWorld.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
