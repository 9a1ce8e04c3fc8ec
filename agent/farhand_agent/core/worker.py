"""The one door to the rules: an event in, effects out."""

from collections.abc import Callable
from typing import Any

from farhand_agent.core import asks, events, frames, frost, orders, outbox, runners, session, slots
from farhand_agent.core.effects import Effect, EndStream
from farhand_agent.core.events import Event
from farhand_agent.core.frames import RunbookType
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import IllegalFrame, Live, StreamPhase

_Rule = Callable[[Any, Live, Journal, float], list[Effect]]

#: Frames of a session that stands; only Welcome and what ends the stream may come before.
_FRAMES: dict[type, _Rule] = {
    frames.HeartbeatAck: session.heartbeat_heard,
    frames.Offer: slots.offered,
    frames.Withdraw: slots.withdrawn,
    frames.Grant: slots.granted,
    frames.Stop: orders.stopped,
    frames.Freeze: frost.freeze,
    frames.Thaw: frost.thaw,
    frames.OutputAck: orders.acknowledged,
    frames.Resend: orders.resent,
    frames.ResultAck: orders.reported,
    frames.Answer: asks.answered,
}

_EVENTS: dict[type, _Rule] = {
    frames.Welcome: session.welcomed,
    frames.Drain: session.drained,
    frames.Goodbye: session.goodbye,
    events.ConnectDue: session.connect_due,
    events.Connected: session.connected,
    events.Malformed: session.malformed,
    events.Lost: session.lost,
    events.Writable: outbox.writable,
    events.RunnerAsked: runners.asked,
    events.RunnerState: runners.answered,
    events.RunnerGone: runners.gone,
    events.RunnerStarted: runners.started,
    events.RunnerFrozen: frost.frozen,
    events.RunnerThawed: frost.thawed,
    events.RunnerVoid: runners.voided,
    events.RunnerData: runners.data,
    events.RunnerExited: runners.exited,
    events.RunnerAsks: asks.asks,
    events.UserLookedUp: slots.user_looked_up,
    events.Tick: session.ticked,
    events.ShutdownRequested: session.shutdown,
}


class Worker:
    """A worker between its server and its runners. Synchronous; the caller does what it says."""

    def __init__(
        self,
        *,
        slots: int,
        types: frozenset[RunbookType],
        read_ahead: int,
        becomes_users: bool = False,
    ) -> None:
        """`becomes_users`: scripts may run as other users than the agent's."""
        self._live = Live(
            slots=slots, types=types, read_ahead=read_ahead, becomes_users=becomes_users
        )

    @property
    def ready(self) -> bool:
        """Whether the worker may be offered jobs."""
        return self._live.session.phase is StreamPhase.LIVE

    def wake_at(self) -> float | None:
        """When a Tick is due, on the clock of `handle`'s `now`, in seconds."""
        return session.wake_at(self._live)

    def handle(self, event: Event, journal: Journal, now: float) -> list[Effect]:
        """Applies one event. A frame that the session does not allow only ends the session."""
        try:
            effects = self._rule(event)(event, self._live, journal, now)
        except IllegalFrame as illegal:
            leave = EndStream(reason=str(illegal), fault=True)
            effects = outbox.left(self._live, leave)
        return effects + session.opened(self._live, now)

    def _rule(self, event: Event) -> _Rule:
        kind = type(event)
        if kind not in _FRAMES:
            return _EVENTS[kind]
        if self._live.session.phase not in (StreamPhase.LIVE, StreamPhase.LEAVING):
            raise IllegalFrame(f"{kind.__name__} before Welcome")
        return _FRAMES[kind]
