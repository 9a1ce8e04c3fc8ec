"""The life of a stream, from the wish to connect to its end."""

from farhand_agent.core.effects import Effect, EndStream, OpenStream, Persist, SendFrame
from farhand_agent.core.events import (
    ConnectDue,
    Connected,
    Lost,
    Malformed,
    ShutdownRequested,
    Tick,
)
from farhand_agent.core.frames import Drain, Goodbye, Heartbeat, HeartbeatAck, Hello, Welcome
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import IllegalFrame, Live, Session, StreamPhase
from farhand_agent.core.orders import judged
from farhand_agent.core.outbox import left, ride_ends
from farhand_wire import limits

#: A runner that has not answered by then counts as running, and the agent connects without it.
SURVEY_SECONDS = 5.0
#: Dialling, Challenge and Welcome may take so long together.
WELCOME_SECONDS = 30.0
#: The stream is given up this long before the lease would end, so that the next one is in time.
LEASE_MARGIN_SECONDS = 10.0


def connect_due(event: ConnectDue, live: Live, journal: Journal, now: float) -> list[Effect]:
    live.opening = True
    return []


def opened(live: Live, now: float) -> list[Effect]:
    """Opens a stream if one is wanted and every runner has answered, or was given its time."""
    if not live.opening or any(since + SURVEY_SECONDS > now for since in live.asked.values()):
        return []
    live.opening = False
    return [OpenStream()]


def connected(event: Connected, live: Live, journal: Journal, now: float) -> list[Effect]:
    live.session = Session(
        phase=StreamPhase.HELLO,
        listed=frozenset(live.attempts),
        unheard=set(live.nameless),
        welcome_until=now + WELCOME_SECONDS,
    )
    for attempt in live.attempts.values():
        attempt.told = attempt.phase
    entries = tuple(attempt.entry() for attempt in live.attempts.values())
    hello = Hello(
        session_number=journal.session_number,
        slots=live.slots,
        journal=entries,
        complete=not live.nameless,
    )
    return [SendFrame(frame=hello)]


def malformed(event: Malformed, live: Live, journal: Journal, now: float) -> list[Effect]:
    raise IllegalFrame(event.reason)


def lost(event: Lost, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Offers die with the stream, and wishes that the server says again if it still has them. Jobs
    do not notice."""
    live.session = Session()
    live.offers.clear()
    live.lookups.clear()
    for attempt in live.attempts.values():
        attempt.started_at = attempt.wish = None
        attempt.reported = False
    return []


def welcomed(welcome: Welcome, live: Live, journal: Journal, now: float) -> list[Effect]:
    """The number is on disk before the first Heartbeat, which confirms it."""
    if live.session.phase is StreamPhase.LEAVING:
        return []  # it comes too late: the stream was given up
    _check(welcome, live.session)
    live.session.phase = StreamPhase.LIVE
    live.session.welcome = welcome
    effects: list[Effect] = [Persist(session_number=welcome.session_number)]
    effects += _beat(live, now)
    for verdict in welcome.verdicts:
        effects += judged(verdict, live)
    return effects


def heartbeat_heard(ack: HeartbeatAck, live: Live, journal: Journal, now: float) -> list[Effect]:
    session = live.session
    if not 0 < ack.sequence <= session.sequence:
        raise IllegalFrame(f"HeartbeatAck {ack.sequence}, but {session.sequence} were sent")
    while session.unanswered and session.unanswered[0][0] <= ack.sequence:
        session.unanswered.popleft()
    return []


def drained(drain: Drain, live: Live, journal: Journal, now: float) -> list[Effect]:
    """The server goes away: what waits goes with the next message, then Goodbye. Before the
    Welcome nothing waits."""
    leave = EndStream(
        reason=f"the server drains: {drain.reason}",
        retry_after_seconds=drain.retry_after_ms / 1000 or None,
    )
    if live.session.phase is StreamPhase.HELLO:
        live.session.phase = StreamPhase.LEAVING
        return [leave]
    live.session.leave = leave
    return []


def goodbye(frame: Goodbye, live: Live, journal: Journal, now: float) -> list[Effect]:
    live.session.phase = StreamPhase.LEAVING
    return [EndStream(reason=f"the server said goodbye: {frame.reason}")]


def ticked(event: Tick, live: Live, journal: Journal, now: float) -> list[Effect]:
    live.ticked_at = now
    session = live.session
    if session.phase is StreamPhase.HELLO and now >= session.welcome_until:
        session.phase = StreamPhase.LEAVING
        return [EndStream(reason="the server did not open the session in time")]
    if session.phase is not StreamPhase.LIVE:
        return []
    if (dead_at := _dead_at(live)) is not None and now >= dead_at:
        session.phase = StreamPhase.LEAVING
        return [EndStream(reason="the server has not answered a heartbeat in time")]
    return _beat(live, now) if now >= session.heartbeat_at else []


def shutdown(event: ShutdownRequested, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Says so and leaves; what runs goes on, and the next agent adopts it."""
    live.opening = False
    reason = "the agent ends; its jobs go on"
    effects = live.say(Drain(reason=reason))
    return effects + left(live, EndStream(reason=reason))


def wake_at(live: Live) -> float | None:
    """When the rules want a Tick, if nothing else happens before."""
    session = live.session
    moments: list[float] = []
    if live.opening and live.asked:
        moments.append(max(live.asked.values()) + SURVEY_SECONDS)
    if session.phase is StreamPhase.HELLO:
        moments.append(session.welcome_until)
    if session.phase is StreamPhase.LIVE:
        moments.append(session.heartbeat_at)
        rides = filter(None, map(ride_ends, live.attempts.values()))
        moments += (end for end in rides if end > live.ticked_at)
        moments += filter(None, [_dead_at(live)])
    return min(moments, default=None)


def _check(welcome: Welcome, session: Session) -> None:
    if session.phase is not StreamPhase.HELLO:
        raise IllegalFrame("a second Welcome")
    judged_ids = {verdict.id for verdict in welcome.verdicts}
    if judged_ids != session.listed or len(judged_ids) != len(welcome.verdicts):
        raise IllegalFrame("Welcome does not judge exactly the attempts of the Hello")
    if not limits.SPOOL_ENTRY_BYTES <= welcome.output_frame_bytes <= welcome.window_bytes:
        raise IllegalFrame("Welcome leaves no room for an entry of output")
    if welcome.heartbeat_ms <= 0 or welcome.lease_ms <= LEASE_MARGIN_SECONDS * 1000:
        raise IllegalFrame("Welcome leaves no time for heartbeats")


def _beat(live: Live, now: float) -> list[Effect]:
    session = live.session
    assert session.welcome is not None
    session.sequence += 1
    session.heartbeat_at = now + session.welcome.heartbeat_ms / 1000
    session.unanswered.append((session.sequence, now))
    return live.say(Heartbeat(sequence=session.sequence, running=live.running()))


def _dead_at(live: Live) -> float | None:
    """When the stream counts as dead, because its oldest heartbeat is still unanswered."""
    session = live.session
    if not session.unanswered or session.welcome is None:
        return None
    two_beats = 2 * session.welcome.heartbeat_ms / 1000
    lease = session.welcome.lease_ms / 1000 - LEASE_MARGIN_SECONDS
    return session.unanswered[0][1] + min(two_beats, lease)
