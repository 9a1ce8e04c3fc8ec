"""What the server says about attempts: verdicts, acknowledgements, Stop."""

from farhand_agent.core.asks import asked_again
from farhand_agent.core.effects import DialRunner, Effect, FreeSpool
from farhand_agent.core.frames import Continue, Discard, OutputAck, Phase, Resend, ResultAck, Stop
from farhand_agent.core.frost import noticed
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, IllegalFrame, Live
from farhand_agent.core.offsets import Flow, OffsetError
from farhand_agent.core.runners import finished, ordered, resumed
from farhand_wire import limits


def judged(verdict: Continue | Discard, live: Live) -> list[Effect]:
    """Carries out what Welcome says about one attempt. One that nobody wanted may have ended and
    gone since the Hello listed it."""
    attempt = live.attempts.get(verdict.id)
    if attempt is None:
        return []
    if isinstance(verdict, Discard):
        return _discarded(attempt, verdict, live)
    return noticed(attempt, live) + _continued(attempt, verdict, live) + asked_again(attempt, live)


def acknowledged(ack: OutputAck, live: Live, journal: Journal, now: float) -> list[Effect]:
    attempt = live.attempts.get(ack.id)
    if attempt is None or attempt.flow is None:
        return []
    try:
        freed = attempt.flow.acknowledged(stored=ack.stored, durable=ack.durable)
    except OffsetError as error:
        raise IllegalFrame(f"OutputAck: {error}") from None
    if not freed or attempt.reported:
        return []  # where the Result is under way, its acknowledgement frees everything at once
    return [FreeSpool(id=ack.id, durable=attempt.flow.durable)]


def resent(frame: Resend, live: Live, journal: Journal, now: float) -> list[Effect]:
    attempt = live.attempts.get(frame.id)
    if attempt is None or attempt.flow is None or frame.offset == attempt.flow.sent:
        return []
    if frame.offset > attempt.flow.sent:
        raise IllegalFrame(f"Resend from {frame.offset}, but {attempt.flow.sent} was sent")
    try:
        return _rewound(attempt, frame.offset)
    except OffsetError as error:
        raise IllegalFrame(f"Resend: {error}") from None


def reported(ack: ResultAck, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Forgets the attempt. One that runs cannot have been reported."""
    attempt = live.attempts.get(ack.id)
    if attempt is None:
        return []
    if attempt.runs:
        raise IllegalFrame("ResultAck for an attempt that has not ended")
    return finished(attempt, live)


def stopped(stop: Stop, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Passes it on, now or as soon as the runner answers; one that has ended needs none."""
    attempt = live.attempts.get(stop.id)
    if attempt is None or not attempt.runs:
        return []
    attempt.stop_grace_ms = stop.grace_ms
    attempt.wish = None
    return ordered(attempt) if attempt.answered else []


def _continued(attempt: Attempt, verdict: Continue, live: Live) -> list[Effect]:
    attempt.reported = False
    stored, durable = verdict.stored, verdict.durable
    attempt.verdict = verdict
    unwanted, attempt.let_run = attempt.let_run, False
    try:
        if attempt.flow is None:
            attempt.flow = Flow(stored=stored, durable=durable, read_ahead=live.read_ahead)
            if unwanted:
                return _dialled(attempt)
            return resumed(attempt, live) if attempt.answered else []
        if stored < attempt.flow.durable:
            return _receded(attempt, verdict, live)
        if attempt.phase is Phase.VOID:
            return resumed(attempt, live)
        if stored != attempt.flow.sent:
            return _rewound(attempt, stored)
        freed = attempt.flow.acknowledged(stored=stored, durable=durable)
    except OffsetError as error:
        raise IllegalFrame(f"Welcome: {error}") from None
    return [FreeSpool(id=attempt.id, durable=attempt.flow.durable)] if freed else []


def _receded(attempt: Attempt, verdict: Continue, live: Live) -> list[Effect]:
    """It was restored from a backup, and knows nothing of what it had acknowledged since. The
    runner tells again what it still has, and how the spool ends now."""
    attempt.flow = Flow(stored=verdict.stored, durable=verdict.durable, read_ahead=live.read_ahead)
    attempt.result = None
    return _dialled(attempt)


def _discarded(attempt: Attempt, verdict: Discard, live: Live) -> list[Effect]:
    if verdict.let_run and attempt.runs:
        return _left_alone(attempt)
    grace_ms = round(limits.STOP_GRACE_SECONDS * 1000) if attempt.runs else None
    return finished(attempt, live, stop_grace_ms=grace_ms)


def _left_alone(attempt: Attempt) -> list[Effect]:
    """Its slot is taken until it ends. Nothing is said of it, for the server does not know it; the
    next one may, so what it writes is kept as long as there is room."""
    attempt.let_run = True
    attempt.flow = attempt.told = attempt.wish = None
    attempt.asks.clear()
    return ordered(attempt) if attempt.answered else []


def _rewound(attempt: Attempt, stored: int) -> list[Effect]:
    """Reads the spool again from `stored`. Raises OffsetError if that is gone."""
    assert attempt.flow is not None
    attempt.flow.rewind(stored)
    attempt.reported = False
    return _dialled(attempt)


def _dialled(attempt: Attempt) -> list[Effect]:
    """A new conversation, unless one has just begun: what was read of the old one is void."""
    if not attempt.answered:
        return []
    attempt.answered = False
    return [DialRunner(id=attempt.id)]
