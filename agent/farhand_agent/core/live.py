"""Volatile truth: what this process knows now. The journal and the runners can rebuild it."""

import enum
import math
from collections import deque
from dataclasses import dataclass, field

from farhand_agent.core import frames
from farhand_agent.core.effects import Effect, EndStream, SendFrame
from farhand_agent.core.frames import (
    AgentFrame,
    AttemptId,
    Grant,
    Offer,
    Phase,
    RunbookType,
    Welcome,
)
from farhand_agent.core.offsets import Flow
from farhand_agent.core.scripts import Scripts


class IllegalFrame(Exception):
    """The server sent what this moment of the session does not allow."""


class StreamPhase(enum.Enum):
    #: No stream, or one that does not stand yet.
    AWAY = "away"
    #: Hello was sent; nothing but a Welcome may come.
    HELLO = "hello"
    #: The session stands.
    LIVE = "live"
    #: Goodbye was sent; what still comes is heard, nothing is sent.
    LEAVING = "leaving"


@dataclass(slots=True, kw_only=True)
class Session:
    """The stream as the rules see it."""

    phase: StreamPhase = StreamPhase.AWAY
    welcome: Welcome | None = None
    #: What the Hello listed; each entry needs a verdict.
    listed: frozenset[AttemptId] = frozenset()
    #: Runners that were silent when it was said: it may lack what they hold.
    unheard: set[int] = field(default_factory=set)
    #: Heartbeats so far, and when the next one is due.
    sequence: int = 0
    heartbeat_at: float = 0.0
    #: Heartbeats without an answer, and when each was sent.
    unanswered: deque[tuple[int, float]] = field(default_factory=deque)
    #: When the Welcome must be there.
    welcome_until: float = 0.0
    #: Set when the stream is to end after what waits was sent.
    leave: EndStream | None = None


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt of this host, from its Grant or its discovery to its end."""

    id: AttemptId
    phase: Phase = Phase.RUNNING
    #: Bytes in its spool, as far as known.
    size: int = 0
    #: Grant and script, until a runner surely has them.
    start: tuple[Grant, bytes] | None = None
    #: Its runner talks to us.
    answered: bool = False
    #: None until it is known where the server wants to go on.
    flow: Flow | None = None
    #: The last verdict about it.
    verdict: frames.Continue | None = None
    #: Since when Started waits for company.
    started_at: float | None = None
    #: Why it never ran.
    void: str = ""
    result: frames.Result | None = None
    #: The Result, or that it never ran, was sent in this session.
    reported: bool = False
    stop_grace_ms: int | None = None
    #: RUNNING or FROZEN, if the server asked for it and the runner has not said that it is so.
    wish: Phase | None = None
    #: Which of both the server takes it for; None if it does not know the attempt.
    told: Phase | None = None
    #: The server does not want it, but its script runs on until it ends by itself.
    let_run: bool = False
    #: Questions of its script that are not answered, by number.
    asks: dict[int, bytes] = field(default_factory=dict)
    #: When it last had its turn; orders those that wait to send.
    turn: int = 0

    @property
    def runs(self) -> bool:
        """Whether it has not ended; a frozen one may go on at any time."""
        return self.phase in (Phase.RUNNING, Phase.FROZEN)

    def entry(self) -> frames.JournalEntry:
        read = self.flow.read if self.flow else 0
        return frames.JournalEntry(id=self.id, phase=self.phase, size=max(self.size, read))


@dataclass(slots=True, kw_only=True)
class Live:
    """Everything volatile, in one place."""

    slots: int
    types: frozenset[RunbookType]
    #: Bytes of output that may wait in memory, for each attempt.
    read_ahead: int
    scripts: Scripts = field(default_factory=Scripts)
    session: Session = field(default_factory=Session)
    #: A stream is wanted as soon as every runner has answered.
    opening: bool = False
    #: Runners that owe an answer, and since when.
    asked: dict[int, float] = field(default_factory=dict)
    #: Those of them whose attempt nobody else can name.
    nameless: set[int] = field(default_factory=set)
    offers: set[str] = field(default_factory=set)
    #: Whether scripts may run as other users than the agent's.
    becomes_users: bool = False
    #: Offers whose user is looked up, by id.
    lookups: dict[str, Offer] = field(default_factory=dict)
    attempts: dict[AttemptId, Attempt] = field(default_factory=dict)
    turns: int = 0
    #: The last Tick: what was due by then waits for the stream, and for no other Tick.
    ticked_at: float = -math.inf

    def say(self, frame: AgentFrame) -> list[Effect]:
        """Sends the frame if the session stands; else the next session will know without it."""
        return [SendFrame(frame=frame)] if self.session.phase is StreamPhase.LIVE else []

    def running(self) -> int:
        return sum(attempt.runs for attempt in self.attempts.values())

    def free_slots(self) -> int:
        """An attempt that has ended takes no slot, though its end is not acknowledged yet: the
        server counts like this, too, and offers the slot beside the acknowledgement."""
        return self.slots - self.running() - len(self.offers)
