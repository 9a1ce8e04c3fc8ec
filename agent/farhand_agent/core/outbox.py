"""What goes into the next message: output, and what must keep its place beside output."""

from farhand_agent.core.effects import Effect, EndStream, SendFrame
from farhand_agent.core.events import Writable
from farhand_agent.core.frames import Goodbye, Output, Started
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, Live, StreamPhase
from farhand_agent.core.runners import credit
from farhand_wire import limits


def writable(event: Writable, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Fills one message: attempts take turns, smallest backlog first, within the window."""
    session = live.session
    if session.phase is not StreamPhase.LIVE or session.welcome is None:
        return []
    room = session.welcome.window_bytes
    room -= sum(a.flow.unstored for a in live.attempts.values() if a.flow)
    most = session.welcome.output_frame_bytes
    effects: list[Effect] = []
    for attempt in sorted(_waiting(live, now), key=_order):
        said, taken = _said(attempt, live, min(most, room), now)
        effects += said
        most -= taken
        room -= taken
    if session.leave:
        effects += left(live, session.leave)
    return effects


def left(live: Live, leave: EndStream) -> list[Effect]:
    """Ends the stream on our side."""
    effects = live.say(Goodbye(reason=leave.reason))
    live.session.phase = StreamPhase.LEAVING
    return [*effects, leave]


def ride_ends(attempt: Attempt) -> float | None:
    """When Started goes alone."""
    if attempt.started_at is None:
        return None
    return attempt.started_at + limits.STARTED_RIDE_SECONDS


def _waiting(live: Live, now: float) -> list[Attempt]:
    return [a for a in live.attempts.values() if _has_something(a, now)]


def _has_something(attempt: Attempt, now: float) -> bool:
    if attempt.flow and attempt.flow.backlog:
        return True
    return _result_due(attempt) or (ride_ends(attempt) or now + 1) <= now


def _result_due(attempt: Attempt) -> bool:
    """Whether the Result is next: everything before it was sent, also after a rewind."""
    result, flow = attempt.result, attempt.flow
    if result is None or flow is None or attempt.reported:
        return False
    return not flow.backlog and flow.sent >= result.size


def _order(attempt: Attempt) -> tuple[int, int]:
    return attempt.turn, attempt.flow.backlog if attempt.flow else 0


def _said(attempt: Attempt, live: Live, most: int, now: float) -> tuple[list[Effect], int]:
    """The frames of one attempt, in the one order that they may have."""
    effects: list[Effect] = []
    offset = attempt.flow.sent if attempt.flow else 0
    taken = attempt.flow.take(most) if attempt.flow else 0
    ends = _result_due(attempt)
    if (taken or ends or (ride_ends(attempt) or now + 1) <= now) and attempt.started_at is not None:
        effects.append(SendFrame(frame=Started(id=attempt.id)))
        attempt.started_at = None
    if taken:
        effects.append(SendFrame(frame=Output(id=attempt.id, offset=offset, size=taken)))
        effects += credit(attempt)
        live.turns += 1
        attempt.turn = live.turns
    if ends and attempt.result:
        effects.append(SendFrame(frame=attempt.result))
        attempt.reported = True
    return effects, taken
