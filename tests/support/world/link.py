"""An agent's process: the real rules of a worker, and everything that dies with them."""

from collections import deque
from collections.abc import Callable

from tests.support.world.clock import WorldClock
from tests.support.world.host import FakeHost
from tests.support.world.runners import Runners
from tests.support.world.stream import Stream
from tests.support.world.translation import journal_entry, spool_id, to_agent, to_server
from tests.support.world.truth import Truth

from farhand_agent.core import effects, events, frames
from farhand_agent.core.effects import Effect
from farhand_agent.core.frames import AttemptId
from farhand_agent.core.worker import Worker
from farhand_server.errors import SessionConflict, WorkerUnknown
from farhand_server.model import frames as wire
from farhand_server.model.output import SpoolId
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts

#: Output that an attempt may have waiting in the agent.
READ_AHEAD = 96 * 1024
#: After a stream has ended, until the next one.
BACKOFF_MS = 1_000
CONFLICT_MS = 30_000
#: A stream that we ended is given up after this.
PARTING_MS = 2_000

Dial = Callable[[FakeHost], Stream | None]


class FakeLink:
    """One life of one agent."""

    def __init__(
        self,
        host: FakeHost,
        *,
        clock: WorldClock,
        dial: Dial,
        truth: Truth,
        instance: str,
    ) -> None:
        """`dial` gives a stream, or None if nobody answers."""
        self.host = host
        self.stream: Stream | None = None
        #: It said that the server does not know this worker: it will not come back.
        self.unwelcome = False
        #: The stream takes nothing at the moment.
        self.congested = False
        self._clock = clock
        self._dial = dial
        self._truth = truth
        self._instance = instance
        self._worker = Worker(slots=host.slots, types=host.types, read_ahead=READ_AHEAD)
        self._runners = Runners(host, feed=self.feed)
        self._events: deque[events.Event] = deque()
        self._busy = False
        self._outbox: list[wire.AgentFrame] = []
        self._connect_ms: int | None = clock.ms
        self._part_ms: int | None = None

    def start(self) -> None:
        """Asks every runner, and connects when they have answered."""
        self._runners.survey()
        self.tick()

    def die(self) -> None:
        """kill -9: what it had said is said, what it had to say is not."""
        self._runners.hang_up()
        if self.stream is not None:
            self.stream.agent_left = True

    def leave(self) -> None:
        """SIGTERM: what it has to say is said."""
        self.feed(events.ShutdownRequested())
        self.speak()
        self.die()

    # --- what happens to it -----------------------------------------------------------------

    def hear(self) -> bool:
        """Takes one message of the server, or notices the end of the stream."""
        stream = self.stream
        if stream is None:
            return False
        if stream.to_agent:
            for frame in stream.to_agent.popleft():
                if (event := to_agent(frame)) is not None:
                    self.feed(event)
            self.speak()
            return True
        if stream.over_for_agent:
            self.lose()
            return True
        return False

    def hear_runners(self) -> bool:
        """Takes one message of a runner, or notices that one is gone."""
        heard = self._runners.hear()
        if heard:
            self.speak()
        return heard

    def granted(self) -> list[SpoolId]:
        """What no runner has been given yet."""
        return [spool_id(id_) for id_ in self._runners.waiting()] + self._under_way(wire.Grant)

    def acknowledged(self) -> list[SpoolId]:
        """What it will let go of, though it does not know yet."""
        return self._under_way(wire.ResultAck)

    def _under_way(self, kind: type[wire.Grant | wire.ResultAck]) -> list[SpoolId]:
        said = self.stream.to_agent if self.stream is not None else ()
        found = [frame for message in said for frame in message if isinstance(frame, kind)]
        return [SpoolId(job=frame.job, attempt=frame.attempt) for frame in found]

    @property
    def hears_runner(self) -> bool:
        """Whether `hear_runners` has something to hear."""
        return self._runners.is_due

    @property
    def runner_order(self) -> list[object]:
        """Talks and their runners, as they would be served."""
        return self._runners.order

    def lose(self) -> None:
        """The stream is over, and it shows."""
        stream, self.stream = self.stream, None
        if stream is None:
            return
        stream.agent_left = True
        self._part_ms = None
        self._outbox.clear()
        if isinstance(stream.refusal, WorkerUnknown):
            self.unwelcome = True
        elif self._connect_ms is None:
            conflict = isinstance(stream.refusal, SessionConflict)
            self._connect_ms = self._clock.ms + (CONFLICT_MS if conflict else BACKOFF_MS)
        self.feed(events.Lost())

    def tick(self) -> None:
        """Does whatever is due by now."""
        now = self._clock.ms
        if self._part_ms is not None and self._part_ms <= now:
            self.lose()
        if self.stream is None and self._connect_ms is not None and self._connect_ms <= now:
            self._connect_ms = None
            if not self.unwelcome:
                self.feed(events.ConnectDue())
        if self._is_due():
            self.feed(events.Tick())
            if self._is_due():
                self._truth.faults.append(f"{self.host.name} wants one Tick after the other")
        self.speak()

    @property
    def ready(self) -> bool:
        """Whether it may be offered jobs, on a stream that carries them."""
        return self._worker.ready and self.stream is not None and not self.stream.cut

    def _is_due(self) -> bool:
        wake_at = self._worker.wake_at()
        return wake_at is not None and wake_at <= self._clock.monotonic()

    def speak(self) -> None:
        """Sends everything that waits as one message, unless the stream takes nothing."""
        stream = self.stream
        if stream is None or self.congested:
            return
        if not stream.agent_left:
            self.feed(events.Writable())
            stream.up(self._outbox)
            self._outbox = []
            stream.agent_left = self._part_ms is not None

    @property
    def due_ms(self) -> int | None:
        """When `tick` has something to do."""
        wake_at = self._worker.wake_at()
        moments = [] if wake_at is None else [int(wake_at * 1000) + 1]
        if self.stream is None and self._connect_ms is not None and not self.unwelcome:
            moments.append(self._connect_ms)
        if self._part_ms is not None:
            moments.append(self._part_ms)
        return min(moments, default=None)

    # --- the rules --------------------------------------------------------------------------

    def feed(self, event: events.Event) -> None:
        """Lets the rules see an event, now or, from within an effect, right after it."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                now = self._clock.monotonic()
                for effect in self._worker.handle(self._events.popleft(), self.host, now):
                    self._do(effect)
        finally:
            self._busy = False

    def _do(self, effect: Effect) -> None:
        match effect:
            case effects.OpenStream():
                self._open()
            case effects.SendFrame(frame=frame):
                self._send(frame)
            case effects.EndStream():
                self._end(effect)
            case effects.Persist(session_number=number):
                self.host.keep_session_number(number)
            case _:
                self._runners.do(effect)

    def _open(self) -> None:
        self.stream = self._dial(self.host)
        if self.stream is None:
            self._connect_ms = self._clock.ms + BACKOFF_MS
        else:
            self.feed(events.Connected())

    def _end(self, order: effects.EndStream) -> None:
        if order.fault:
            self._truth.faults.append(f"{self.host.name} says of the server: {order.reason}")
        wait = order.retry_after_seconds
        self._connect_ms = self._clock.ms + (BACKOFF_MS if wait is None else int(wait * 1000))
        self._part_ms = self._clock.ms + PARTING_MS

    def _send(self, frame: frames.AgentFrame) -> None:
        match frame:
            case frames.Hello():
                self._outbox.append(self._hello(frame))
            case frames.Output(id=id_, size=size):
                self._outbox.append(to_server(frame, data=self._take(id_, size)))
            case _:
                self._outbox.append(to_server(frame))

    def _take(self, id_: AttemptId, size: int) -> bytes:
        data = self._runners.take(id_, size)
        if len(data) != size:
            self._truth.faults.append(
                f"{self.host.name} wants to send {size} bytes and holds {len(data)}"
            )
        return data

    def _hello(self, hello: frames.Hello) -> wire.Hello:
        assert self.host.worker is not None
        if not hello.complete:
            self._truth.forgetful.add(self.host.worker)
        types = tuple(RunbookType(type_.value) for type_ in sorted(self.host.types))
        return wire.Hello(
            worker=self.host.worker,
            session_number=hello.session_number,
            boot_id=self.host.boot_id,
            journal_id=self.host.journal_id if hello.complete else "",
            instance=self._instance,
            facts=Facts(host_name=self.host.name, machine_id=self.host.name, runbook_types=types),
            slots=hello.slots,
            journal=tuple(journal_entry(entry) for entry in hello.journal),
        )
