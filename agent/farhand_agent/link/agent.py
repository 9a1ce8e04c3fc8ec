"""The agent at work: events go to the rules one at a time, and what these want is done at once."""

import asyncio
import math
import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

from farhand_agent.core import effects, frames
from farhand_agent.core.effects import Effect
from farhand_agent.core.events import Event, Tick, UserLookedUp, Writable
from farhand_agent.core.worker import Worker
from farhand_agent.host import wire
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.link.convert import agent_frame
from farhand_agent.link.journal import HostJournal
from farhand_agent.link.runners import Runners
from farhand_agent.link.users import Unanswered, Users
from farhand_wire.v1 import worker_pb2

Clock = Callable[[], float]


class Line(Protocol):
    """The stream that stands at the moment, as far as the rules reach it."""

    def greet(self, hello: frames.Hello) -> None: ...

    def send(self, frame: worker_pb2.AgentFrame) -> None: ...

    def wake(self) -> None:
        """Something may have to be sent."""
        ...

    def end(self, order: effects.EndStream) -> None: ...


class Agent:
    """Between the rules and the world, on one event loop."""

    def __init__(
        self,
        *,
        worker: Worker,
        journal: HostJournal,
        sandbox: Sandbox,
        worker_name: str,
        clock: Clock,
        users: Users | None = None,
    ) -> None:
        self.runners = Runners(
            sandbox=sandbox, journal=journal, worker_name=worker_name, listener=self
        )
        #: None while there is no stream.
        self.line: Line | None = None
        #: Set when a stream is wanted.
        self.dial = asyncio.Event()
        self._worker = worker
        self._journal = journal
        self._clock = clock
        self._users = users or Users()
        self._lookups: set[asyncio.Task[None]] = set()
        self._events: deque[Event] = deque()
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        #: When it goes off.
        self._tick_at = math.inf

    @property
    def ready(self) -> bool:
        """Whether jobs may be offered now."""
        return self._worker.ready

    def feed(self, event: Event) -> None:
        """Lets the rules see an event, now or, from within an effect, right after it."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._busy = False
        self._arm()

    def _handle(self, event: Event) -> None:
        for effect in self._worker.handle(event, self._journal, self._clock()):
            self._do(effect)
        if self.line is not None and not isinstance(event, Writable):
            self.line.wake()

    def _do(self, effect: Effect) -> None:
        match effect:
            case effects.SendFrame(frame=frame):
                self._send(frame)
            case effects.LookUpUser():
                lookup = asyncio.get_running_loop().create_task(self._look_up(effect))
                self._lookups.add(lookup)
                lookup.add_done_callback(self._lookups.discard)
            case effects.StartRunner():
                self.runners.start(effect)
            case effects.FinishRunner(id=id_, stop_grace_ms=grace_ms):
                self.runners.finish(id_, grace_ms)
            case effects.GrantCredit(id=id_, credit=credit):
                self.runners.say(id_, wire.Kind.CREDIT, credit=credit)
            case effects.FreeSpool(id=id_, durable=durable):
                self.runners.say(id_, wire.Kind.FREE, durable=durable)
            case effects.ReadSpool(id=id_, offset=offset, credit=credit, crc=crc):
                known = {} if crc is None else {"crc": crc}
                self.runners.say(id_, wire.Kind.READ, offset=offset, credit=credit, **known)
            case effects.StopRunner(id=id_, grace_ms=grace_ms):
                self.runners.say(id_, wire.Kind.STOP, grace_ms=grace_ms)
            case effects.FreezeRunner(id=id_):
                self.runners.say(id_, wire.Kind.FREEZE)
            case effects.ThawRunner(id=id_):
                self.runners.say(id_, wire.Kind.THAW)
            case effects.LeaveRunner(id=id_):
                self.runners.say(id_, wire.Kind.DONE)
            case effects.AnswerRunner(id=id_, ask=ask, answer=answer):
                self.runners.answer(id_, ask, answer)
            case effects.DialRunner(id=id_):
                self.runners.dial(id_)
            case effects.Persist(session_number=number):
                self._journal.keep_session_number(number)
            case effects.OpenStream():
                self.dial.set()
            case effects.EndStream():
                if self.line is not None:
                    self.line.end(effect)

    def _send(self, frame: frames.AgentFrame) -> None:
        if self.line is None:
            return
        if isinstance(frame, frames.Hello):
            self.line.greet(frame)
            return
        data, load = b"", 0.0
        if isinstance(frame, frames.Output):
            data = self.runners.take(frame.id, frame.size)
        elif isinstance(frame, frames.Heartbeat):
            load = os.getloadavg()[0]
        self.line.send(agent_frame(frame, load=load, data=data))

    async def _look_up(self, asked: effects.LookUpUser) -> None:
        try:
            refusal, for_now = await self._users.refusal(asked.name), False
        except Unanswered as unanswered:
            refusal, for_now = str(unanswered), True
        self.feed(UserLookedUp(offer_id=asked.offer_id, refusal=refusal, for_now=for_now))

    def _arm(self) -> None:
        """One timer serves all moments that the rules wait for. It may go off for nothing: that
        costs less than to set it again after every event."""
        wake_at = self._worker.wake_at()
        if wake_at is None or self._tick_at <= wake_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._tick_at = wake_at
        delay = max(0.0, wake_at - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._tick_at = math.inf
        self.feed(Tick())
