"""Output between a runner, a worker and a server that forgets, cuts and repeats."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.worker_desk import ONE, READ_AHEAD, TWO, Desk

from farhand_agent.core import effects, events, frames
from farhand_agent.core.effects import Effect
from farhand_agent.core.frames import AttemptId, Phase

ENTRY = 64 * 1024
WINDOW = 2 * ENTRY


class Runner:
    """A spool that is read within a credit."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.exited = False
        self.credit = READ_AHEAD
        self.at: int | None = 0

    @property
    def size(self) -> int:
        return sum(self.sizes)

    def piece(self) -> int:
        """The size of the next entry that may be sent, 0 for none."""
        start = 0
        for size in self.sizes:
            if start == self.at:
                return size if size <= self.credit else 0
            start += size
        return 0


class Server:
    """What one attempt has brought so far."""

    def __init__(self) -> None:
        self.stored = 0
        self.durable = 0
        self.result: frames.Result | None = None


class Flow(RuleBasedStateMachine):
    """Two attempts; whatever happens, the server gets each spool whole and once."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.runners = {ONE: Runner(), TWO: Runner()}
        self.servers = {ONE: Server(), TWO: Server()}
        self.flying: list[frames.AgentFrame] = []
        self.acks: list[frames.OutputAck] = []
        self.unstored = {ONE: 0, TWO: 0}
        self.held = {ONE: 0, TWO: 0}
        self.do(self.desk.connect(window_bytes=WINDOW, output_frame_bytes=ENTRY))
        for id_ in self.runners:
            self.desk.run(id_)

    def do(self, done: list[Effect]) -> None:
        for effect in done:
            match effect:
                case effects.SendFrame(frame=frame):
                    self.flying.append(frame)
                    if isinstance(frame, frames.Output):
                        self.unstored[frame.id] += frame.size
                        self.held[frame.id] -= frame.size
                        assert self.held[frame.id] >= 0, "bytes that nobody holds"
                case effects.GrantCredit(id=id_, credit=credit):
                    self.runners[id_].credit += credit
                case effects.ReadSpool(id=id_, offset=offset, credit=credit):
                    self.runners[id_].at, self.runners[id_].credit = offset, credit
                case effects.FreeSpool(id=id_, durable=durable):
                    assert durable <= self.servers[id_].durable
                case effects.DialRunner(id=id_):
                    self.runners[id_].at = None
                    self.held[id_] = 0
                case effects.EndStream(fault=fault):
                    assert not fault, effect

    @rule(
        id_=st.sampled_from([ONE, TWO]),
        size=st.sampled_from([13, 1000, ENTRY]),
        times=st.integers(1, 4),
    )
    def write(self, id_: AttemptId, size: int, times: int) -> None:
        if not self.runners[id_].exited:
            self.runners[id_].sizes += [size] * times

    @rule(id_=st.sampled_from([ONE, TWO]))
    def exit(self, id_: AttemptId) -> None:
        self.runners[id_].exited = True

    @rule(id_=st.sampled_from([ONE, TWO]), times=st.integers(1, 5))
    def deliver_some(self, id_: AttemptId, times: int) -> None:
        for _ in range(times):
            self.deliver(id_)

    def deliver(self, id_: AttemptId) -> None:
        runner = self.runners[id_]
        if runner.at is None:
            phase = Phase.EXITED if runner.exited else Phase.RUNNING
            state = events.RunnerState(runner=1, id=id_, phase=phase, size=runner.size)
            self.do(self.desk.hear(state))
        elif piece := runner.piece():
            offset = runner.at
            runner.at += piece
            runner.credit -= piece
            self.held[id_] += piece
            self.do(self.desk.output(piece, id_, offset=offset))
        elif runner.exited and runner.at == runner.size:
            self.do(self.desk.exit(runner.size, id_))

    @rule(times=st.integers(1, 5))
    def send_some(self, times: int) -> None:
        for _ in range(times):
            self.send()

    def send(self) -> None:
        self.do(self.desk.hear(events.Writable()))

    @precondition(lambda self: self.flying)
    @rule()
    def arrive(self) -> None:
        frame = self.flying.pop(0)
        if isinstance(frame, frames.Output):
            server = self.servers[frame.id]
            assert frame.offset == server.stored
            server.stored += frame.size
            self.acknowledged_later(frame.id)
        elif isinstance(frame, frames.Result):
            assert frame.size == self.servers[frame.id].stored
            self.servers[frame.id].result = frame

    @rule(id_=st.sampled_from([ONE, TWO]))
    def sync(self, id_: AttemptId) -> None:
        server = self.servers[id_]
        server.durable = server.stored
        self.acknowledged_later(id_)

    def acknowledged_later(self, id_: AttemptId) -> None:
        server = self.servers[id_]
        ack = frames.OutputAck(id=id_, stored=server.stored, durable=server.durable)
        self.acks.append(ack)

    @precondition(lambda self: self.acks)
    @rule()
    def acknowledge(self) -> None:
        ack = self.acks.pop(0)
        later = sum(f.size for f in self.flying if isinstance(f, frames.Output) and f.id == ack.id)
        self.unstored[ack.id] = self.servers[ack.id].stored - ack.stored + later
        self.do(self.desk.hear(ack))

    @rule(id_=st.sampled_from([ONE, TWO]))
    def lose_runner(self, id_: AttemptId) -> None:
        self.held[id_] = 0
        self.do(self.desk.hear(events.RunnerGone(runner=1, id=id_)))

    @rule()
    def cut(self) -> None:
        """What flies is lost; what was stored but not synced may be as well."""
        self.flying.clear()
        self.acks.clear()
        self.unstored = {ONE: 0, TWO: 0}
        self.desk.hear(events.Lost())
        verdicts = tuple(
            frames.Continue(id=id_, stored=server.stored, durable=server.durable)
            for id_, server in self.servers.items()
        )
        # Runners that owe an answer do not keep the stream from being opened for ever.
        self.desk.now += 5
        self.do(self.desk.connect(window_bytes=WINDOW, output_frame_bytes=ENTRY, verdicts=verdicts))

    @rule()
    def lose_power(self) -> None:
        """The server forgets what it had not synced."""
        for server in self.servers.values():
            server.stored = server.durable
            server.result = None
        self.cut()

    @invariant()
    def the_window_holds(self) -> None:
        assert sum(self.unstored.values()) <= WINDOW

    def teardown(self) -> None:
        """When everybody goes on for a while, the server has everything."""
        for _ in range(400):
            for id_ in self.runners:
                self.exit(id_)
                self.deliver(id_)
            self.send()
            while self.flying:
                self.arrive()
            while self.acks:
                self.acknowledge()
            if all(server.result for server in self.servers.values()):
                break
        for id_, runner in self.runners.items():
            assert self.servers[id_].stored == runner.size
            assert self.servers[id_].result is not None


TestFlow = Flow.TestCase
TestFlow.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
