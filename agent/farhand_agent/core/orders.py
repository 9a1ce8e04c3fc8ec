"""What the server says about attempts: verdicts, acknowledgements, Stop."""

from farhand_agent.core.effects import DialRunner, Effect, FreeSpool, StopRunner
from farhand_agent.core.frames import Continue, Discard, OutputAck, Phase, Resend, ResultAck, Stop
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, IllegalFrame, Live
from farhand_agent.core.offsets import Flow, OffsetError
from farhand_agent.core.runners import finished, resumed
from farhand_wire import limits


def judged(verdict: Continue | Discard, live: Live) -> list[Effect]:
    """Carries out what Welcome says about one attempt."""
    attempt = live.attempts[verdict.id]
    if isinstance(verdict, Discard):
        return _discarded(attempt, live)
    return _continued(attempt, verdict, live)


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
    if attempt.phase is Phase.RUNNING:
        raise IllegalFrame("ResultAck for an attempt that has not ended")
    return finished(attempt, live)


def stopped(stop: Stop, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Passes it on, now or as soon as the runner answers; one that has ended needs none."""
    attempt = live.attempts.get(stop.id)
    if attempt is None or attempt.phase is not Phase.RUNNING:
        return []
    attempt.stop_grace_ms = stop.grace_ms
    if not attempt.answered:
        return []
    return [StopRunner(id=stop.id, grace_ms=stop.grace_ms)]


def _continued(attempt: Attempt, verdict: Continue, live: Live) -> list[Effect]:
    attempt.reported = False
    stored, durable = verdict.stored, verdict.durable
    try:
        if attempt.flow is None:
            attempt.flow = Flow(stored=stored, durable=durable, read_ahead=live.read_ahead)
            return resumed(attempt, live) if attempt.answered else []
        if attempt.phase is Phase.VOID:
            return resumed(attempt, live)
        if stored != attempt.flow.sent:
            return _rewound(attempt, stored)
        freed = attempt.flow.acknowledged(stored=stored, durable=durable)
    except OffsetError as error:
        raise IllegalFrame(f"Welcome: {error}") from None
    return [FreeSpool(id=attempt.id, durable=attempt.flow.durable)] if freed else []


def _discarded(attempt: Attempt, live: Live) -> list[Effect]:
    running = attempt.phase is Phase.RUNNING
    grace_ms = round(limits.STOP_GRACE_SECONDS * 1000) if running else None
    return finished(attempt, live, stop_grace_ms=grace_ms)


def _rewound(attempt: Attempt, stored: int) -> list[Effect]:
    """Reads the spool again from `stored`. Raises OffsetError if that is gone."""
    assert attempt.flow is not None
    attempt.flow.rewind(stored)
    attempt.reported = False
    if not attempt.answered:
        return []
    attempt.answered = False
    return [DialRunner(id=attempt.id)]
