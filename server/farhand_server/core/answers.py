"""Answers to what jobs ask for."""

from farhand_server.core.effects import Send
from farhand_server.errors import Refusal
from farhand_server.model import ask, frames
from farhand_server.model.identifiers import SessionId


def answered(session: SessionId, frame: frames.Ask, answer: ask.Answer) -> Send:
    """Leaves with the commit: what a job was told is so."""
    told = frames.Answer(job=frame.job, attempt=frame.attempt, ask=frame.ask, answer=answer)
    return Send(session=session, frame=told)


def refused(refusal: Refusal) -> ask.Refused:
    """In the words that an operator would read."""
    words = [refusal.message, *(f"{v.field} {v.problem}" for v in refusal.violations)]
    words += filter(None, [refusal.why, refusal.do])
    return ask.Refused(reason=refusal.reason, message="; ".join(dict.fromkeys(words)))
