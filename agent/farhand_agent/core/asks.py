"""What scripts ask the server for: passed on, remembered until it is answered, asked again after a
stream was lost. The rules do not look into it."""

from farhand_agent.core.effects import AnswerRunner, Effect, SendFrame
from farhand_agent.core.events import RunnerAsks
from farhand_agent.core.frames import Answer, Ask
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, Live, StreamPhase


def asks(event: RunnerAsks, live: Live, journal: Journal, now: float) -> list[Effect]:
    """A runner says it again in each conversation; it is on its way then."""
    attempt = live.attempts.get(event.id)
    if attempt is None or not attempt.runs or event.ask in attempt.asks:
        return []
    attempt.asks[event.ask] = event.question
    if attempt.told is None:
        return []  # the server does not know the attempt; the next Welcome tells of it
    return live.say(Ask(id=event.id, ask=event.ask, question=event.question))


def answered(answer: Answer, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Once: a second answer is that to a question which was asked on two streams."""
    attempt = live.attempts.get(answer.id)
    if attempt is None or attempt.asks.pop(answer.ask, None) is None:
        return []
    return [AnswerRunner(id=answer.id, ask=answer.ask, answer=answer.answer)]


def asked_again(attempt: Attempt, live: Live) -> list[Effect]:
    """What a former stream has left unanswered, in its order."""
    if live.session.phase is not StreamPhase.LIVE:
        return []
    return [
        SendFrame(frame=Ask(id=attempt.id, ask=ask, question=question))
        for ask, question in sorted(attempt.asks.items())
    ]
