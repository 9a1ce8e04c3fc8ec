"""The whole product in one process: real rules on both sides, everything else obedient.

A step is a method; nothing happens between two of them.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.support.memory import Crash, Failure, MemoryStateStore
from tests.support.memory_output import MemoryOutputStore
from tests.support.world.chance import Chance, Serials
from tests.support.world.clock import WorldClock
from tests.support.world.control_plane import ControlPlane
from tests.support.world.host import FakeHost
from tests.support.world.invariants import Invariants
from tests.support.world.link import FakeLink
from tests.support.world.rows import AGAIN, GROUP, KEY, OPERATOR, first_rows
from tests.support.world.stores import Backup, Output, State
from tests.support.world.stream import Stream
from tests.support.world.truth import Truth
from tests.support.world.watcher import Watcher

from farhand_agent.core.frames import RunbookType as AgentType
from farhand_server.core import Patience
from farhand_server.core import events as on
from farhand_server.core.events import CallId, Event
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId, WorkerId
from farhand_server.model.job import Job, JobStatus
from farhand_server.model.runbook import Delivery, RunbookType
from farhand_server.model.worker import Facts, Worker
from farhand_wire import limits

BOTH = frozenset({AgentType.BASH, AgentType.PYTHON})


class World:
    """One control plane, some hosts, and the truth."""

    def __init__(
        self,
        *,
        seed: int = 0,
        patience: Patience | None = None,
        acknowledge_bytes: int = 1,
        state: State | None = None,
        output: Output | None = None,
    ) -> None:
        self.clock = WorldClock()
        self.truth = Truth()
        self.state: State = state or MemoryStateStore(first_rows())
        self.output: Output = output or MemoryOutputStore()
        self.hosts: list[FakeHost] = []
        #: The agents that live.
        self.links: dict[FakeHost, FakeLink] = {}
        self.server: ControlPlane | None = None
        #: Hosts that reach no server.
        self.unreachable: set[FakeHost] = set()
        #: Hosts that are copies of another one.
        self.clones: list[FakeHost] = []
        #: Workers that an operator removed.
        self.removed: set[WorkerId] = set()
        #: For whoever wants to go back to it.
        self.safe: Backup | None = None
        self._starts = Serials()
        self._chance = Chance(seed)
        self._patience = patience or Patience()
        self._acknowledge_bytes = acknowledge_bytes
        self._watcher = Watcher(self.truth, self.output)
        self._invariants = Invariants(truth=self.truth, state=self.state, output=self.output)
        self.start_server()

    def check(self) -> None:
        """Raises Violation if a promise is broken by now."""
        self._invariants.check(self.hosts)

    def forget_history(self) -> None:
        """What was checked needs no memory."""
        self._invariants.forget()

    @property
    def commits(self) -> int:
        """Of the rules, so far."""
        return self.state.commits

    @property
    def jobs(self) -> list[Job]:
        return list(self.state.tables.jobs.values())

    # --- operators --------------------------------------------------------------------------

    def submit(self, type_: RunbookType = RunbookType.BASH, *, again: bool = False) -> JobId:
        """Starts a job; it may be lost with the server, as any call may. `again`: it may run again,
        up to three times."""
        job = JobId(f"{self._watcher.next_call():08x}-0000-7000-8000-000000000000")
        if again:
            self.truth.allowed[job] = limits.ATTEMPTS_MOST
        self._ask(
            lambda call: on.StartJob(
                call=call,
                by=OPERATOR,
                job=job,
                runbook=AGAIN if again else type_.value,
                run_on=GROUP.name,
                parameters="{}",
                arguments=(),
            )
        )
        return job

    def stop(self, job: JobId) -> None:
        self._ask(lambda call: on.StopJob(call=call, by=OPERATOR, job=job))

    def suspend(self, job: JobId) -> None:
        self._ask(lambda call: on.SuspendJob(call=call, by=OPERATOR, job=job))

    def resume(self, job: JobId) -> None:
        """Thaws it, or decides that it may run once more. What waits is decided before, so that
        it is known which of both."""
        self.turn()
        known = self.state.tables.jobs[job]
        if known.status is JobStatus.SUSPENDED and not known.is_frozen:
            again = known.delivery is Delivery.AT_LEAST_ONCE
            self.truth.allowed[job] += limits.ATTEMPTS_MOST if again else 1
        self._ask(lambda call: on.ResumeJob(call=call, by=OPERATOR, job=job))

    def force_close(self, job: JobId) -> None:
        self._ask(lambda call: on.ForceCloseJob(call=call, by=OPERATOR, job=job, reason="given up"))

    def remove(self, host: FakeHost) -> None:
        """Deletes the worker, whatever it runs."""
        worker = self.state.tables.workers.get(host.worker) if host.worker else None
        if self.server is not None and worker is not None:
            self._allow_what_is_unreported(host)
            self.remove_worker(worker)

    def remove_worker(self, worker: Worker) -> None:
        """Deletes one, wherever its machine is."""
        self.removed.add(worker.id)
        self._ask(
            lambda call: on.DeleteWorker(call=call, by=OPERATOR, name=worker.name, force=True)
        )

    def release(self) -> None:
        """Nobody is waited for any more since a restore."""
        for host in self.hosts:
            self._allow_what_is_unreported(host)
        self._ask(lambda call: on.ReleaseDispatch(call=call, by=OPERATOR))

    def keep(self, host: FakeHost) -> None:
        """Of all that use its identity, this machine is the one."""
        worker = self.state.tables.workers.get(host.worker) if host.worker else None
        if worker is None or not worker.parties:
            return
        self.truth.decided.add(worker.id)
        # A machine that was started again may be there twice.
        boots = {party.boot_id for party in worker.everyone}
        name, machine = worker.name, host.boot_id if host.boot_id in boots else host.name
        self._ask(lambda call: on.ResumeWorker(call=call, by=OPERATOR, name=name, machine=machine))

    def ask(self, make: Callable[[CallId], Event]) -> object:
        """A call and its answer, at once. None if it failed, or nobody is there."""
        answers: list[object] = []
        if self.server is not None:
            self.server.ask(make, answers.append)
            self.server.turn()
            self.server.loop()
        return answers[0] if answers else None

    def _ask(self, make: Callable[[CallId], Event]) -> None:
        if self.server is not None:
            self.server.ask(make, _ignore)

    # --- hosts ------------------------------------------------------------------------------

    def add_host(self, *, slots: int = 2, types: frozenset[AgentType] = BOTH) -> FakeHost:
        """A machine that has not joined."""
        name = f"host{len(self.hosts) + 1}"
        host = FakeHost(name, truth=self.truth, slots=slots, types=types)
        self.hosts.append(host)
        return host

    def join(self, host: FakeHost, *, answer_lost: bool = False) -> None:
        """Registers; when the answer was lost, the host knows nothing of it."""
        if self.server is None or host.worker is not None:
            return
        stream = self._joined(self.server, _register(host))
        said = [frame for message in stream.to_agent for frame in message]
        stream.lose()
        self.server.lose(stream)
        for frame in said if not answer_lost else []:
            match frame:
                case frames.Registered(worker=worker):
                    host.worker = worker
                    self.truth.joined(worker, host.name)
                case frames.Welcome(session_number=number):
                    host.keep_session_number(number)

    def clone(self, host: FakeHost) -> FakeHost:
        """Another machine with a copy of the state directory: the same key, the same number."""
        copy = FakeHost(f"{host.name}-again", truth=self.truth, slots=host.slots, types=host.types)
        assert host.worker is not None
        copy.worker = host.worker
        self.truth.hosts[host.worker].add(copy.name)
        # What one of them ran, the other one does not list.
        self.truth.forgetful.add(host.worker)
        # Since a restore whichever speaks first is believed.
        self._allow_what_is_unreported(host)
        copy.keep_session_number(host.session_number)
        self.hosts.append(copy)
        self.clones.append(copy)
        return copy

    def rogue(self) -> Stream:
        """The session of a worker of another group that does not keep the protocol."""
        assert self.server is not None
        register = replace(
            _register(FakeHost("rogue", truth=Truth(), slots=0, types=BOTH)), group="elsewhere"
        )
        stream = self._joined(self.server, register)
        self._watcher.rogues.add(stream.session)
        return stream

    def _joined(self, server: ControlPlane, register: frames.Register) -> Stream:
        stream = self._stream()
        server.accept(stream)
        stream.up([register])
        server.hear(stream)
        server.turn()
        server.loop()
        return stream

    def start_agent(self, host: FakeHost) -> None:
        if host not in self.links and host.worker is not None:
            link = FakeLink(
                host,
                clock=self.clock,
                dial=self._dial,
                truth=self.truth,
                instance=f"agent-{next(self._starts)}-of-{host.name}",
            )
            self.links[host] = link
            link.start()

    def kill_agent(self, host: FakeHost) -> None:
        if (link := self.links.pop(host, None)) is not None:
            link.die()

    def stop_agent(self, host: FakeHost) -> None:
        """It ends in order; its jobs go on."""
        if (link := self.links.pop(host, None)) is not None:
            link.leave()

    def reboot(self, host: FakeHost, *, keep_journal: bool = False) -> None:
        self._forgets(host)
        host.reboot(keep_journal=keep_journal)

    def wipe(self, host: FakeHost) -> None:
        """Somebody deletes the sandboxes while the machine is up."""
        self._forgets(host)
        host.wipe()

    def lose_state(self, host: FakeHost) -> None:
        """Somebody deletes the state directory; the machine registers anew when it is asked to."""
        self._forgets(host)
        host.lose_state()

    def _forgets(self, host: FakeHost) -> None:
        """What it holds, nobody will tell; since a restore nobody may even know that it does."""
        self.kill_agent(host)
        self.truth.forgets(host.name)
        self._allow_what_is_unreported(host)

    def _allow_what_is_unreported(self, host: FakeHost) -> None:
        tables = self.state.tables
        worker = tables.workers.get(host.worker) if host.worker is not None else None
        if worker is not None and worker.generation < tables.generation.number:
            link = self.links.get(host)
            coming = {s for s, holder in self.truth.under_way.items() if holder == worker.id}
            coming |= set(link.granted() if link is not None else ())
            for spool in coming | set(host.attempts()):
                self.truth.allowed[spool.job] += 1

    def cut(self, host: FakeHost, *, agent_knows: bool, server_knows: bool) -> None:
        """The stream breaks; who does not know it finds out by waiting."""
        link = self.links.get(host)
        if link is None or link.stream is None:
            return
        stream = link.stream
        stream.lose()
        if agent_knows:
            link.lose()
        if server_knows and self.server is not None and stream.session in self.server.streams:
            self.server.lose(stream)

    def part(self, host: FakeHost, *, up: bool = True, down: bool = True) -> None:
        """The network between this host and the server loses everything, or what goes one way. It
        tells nobody, and takes no new stream, until `reunite`."""
        self.unreachable.add(host)
        if (link := self.links.get(host)) is not None and link.stream is not None:
            link.stream.lose(up=up, down=down)

    def reunite(self, host: FakeHost) -> None:
        """New streams go through; what was lost stays lost."""
        self.unreachable.discard(host)

    # --- the server -------------------------------------------------------------------------

    def start_server(self) -> None:
        if self.server is None:
            self.server = ControlPlane(
                state=self.state,
                output=self.output,
                clock=self.clock,
                chance=self._chance,
                patience=self._patience,
                acknowledge_bytes=self._acknowledge_bytes,
                watcher=self._watcher,
            )
            self.server.turn()

    def kill_server(self, *, power_loss: bool = False) -> None:
        """What was committed stays; what was not synced does not survive a loss of power."""
        if self.server is None:
            return
        for stream in self.server.streams.values():
            stream.server_left = True
            stream.to_server.clear()
        self.server = None
        self.state.crash()
        self.output.close()
        if power_loss:
            self.output.power_loss()

    def stop_server(self) -> None:
        """It ends in order."""
        if self.server is not None:
            self.server.drain()
            self.kill_server()

    def turn(self, failure: Failure | None = None, *, leaked: bool = False) -> None:
        """The rules take a turn; the commit may fail, or the server die at it. `leaked`: what
        promises nothing had left before."""
        if self.server is None:
            return
        if failure is not None:
            self.state.fail_next.append(failure)
        try:
            self.server.turn()
        except Crash:
            if leaked:
                self.server.loop()
            self.kill_server()
        finally:
            self.state.fail_next.clear()

    def write(
        self, failure: Failure | None = None, *, most: int | None = None, busy: bool = False
    ) -> None:
        """The output writer takes a turn."""
        if self.server is None:
            return
        if failure is not None:
            self.output.fail_next.append(failure)
        self.server.write(most, busy=busy)
        self.output.fail_next.clear()

    # --- time and movement ------------------------------------------------------------------

    def tick(self, ms: int) -> None:
        """Time passes; agents do what is due."""
        self.clock.ms += ms
        for host in self.hosts:
            host.pass_time(ms)
        for link in self.links.values():
            link.tick()

    def flow(self, rounds: int = 10_000) -> None:
        """Everything moves on without time, until nothing does."""
        while rounds and self.round():
            rounds -= 1
        assert rounds or not self.round(), "it never comes to rest"

    def step_host(self, host: FakeHost) -> bool:
        """Its runners and its agent do one thing each."""
        moved = False
        for runner in list(host.runners):
            moved |= runner.step()
        if (link := self.links.get(host)) is not None:
            moved |= link.hear_runners()
            moved |= link.hear()
            if link.due_ms is not None and link.due_ms <= self.clock.ms:
                link.tick()
                moved = True
        return moved

    def round(self) -> bool:
        """Everybody does one thing; False if nobody had anything to do."""
        moved = any([self.step_host(host) for host in self.hosts])
        server = self.server
        if server is None:
            return moved
        moved |= any([server.hear(stream) for stream in list(server.streams.values())])
        if server.has_turn:
            server.turn()
            moved = True
        if server.has_output:
            server.write()
            moved = True
        return server.loop() or moved

    def _dial(self, host: FakeHost) -> Stream | None:
        if self.server is None or host in self.unreachable:
            return None
        stream = self._stream(host.worker)
        self.server.accept(stream)
        return stream

    def _stream(self, worker: WorkerId | None = None) -> Stream:
        return Stream(session=SessionId(self._chance(16).hex()), worker=worker)


def _ignore(answer: object) -> None:
    """Nobody waits for it."""


def _register(host: FakeHost) -> frames.Register:
    types = tuple(RunbookType(type_.value) for type_ in sorted(host.types))
    return frames.Register(
        token_hash=KEY.hash,
        group=GROUP.name,
        worker_name=host.name,
        public_key=f"key {host.keys} of {host.name}".encode(),
        # The operator knows that the machine has lost its identity.
        replace=host.keys > 1,
        facts=Facts(host_name=host.name, machine_id=host.name, runbook_types=types),
    )
