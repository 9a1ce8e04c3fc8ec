"""Attempts that stand still: what the server wants, what runners say, what the server knows."""

from farhand_agent.core.effects import Effect, FreezeRunner, ThawRunner
from farhand_agent.core.events import RunnerFrozen, RunnerThawed
from farhand_agent.core.frames import AttemptId, Freeze, Frozen, Phase, Started, Thaw, Thawed
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, Live, StreamPhase


def freeze(frame: Freeze, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Passes it on, now or as soon as the runner answers. One that has ended needs none, and one
    that is to be stopped must not stand still."""
    return _wanted(frame.id, Phase.FROZEN, live)


def thaw(frame: Thaw, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Passes it on alike; the runner answers also where nothing was frozen."""
    return _wanted(frame.id, Phase.RUNNING, live)


def frozen(event: RunnerFrozen, live: Live, journal: Journal, now: float) -> list[Effect]:
    return _reached(event.id, Phase.FROZEN, live)


def thawed(event: RunnerThawed, live: Live, journal: Journal, now: float) -> list[Effect]:
    return _reached(event.id, Phase.RUNNING, live)


def wished(attempt: Attempt) -> list[Effect]:
    """What the runner must still hear."""
    if attempt.wish is None:
        return []
    if attempt.wish is Phase.FROZEN:
        return [FreezeRunner(id=attempt.id)]
    return [ThawRunner(id=attempt.id)]


def noticed(attempt: Attempt, live: Live) -> list[Effect]:
    """Tells the server what it does not know: a runner may have answered after the Hello, or after
    its answer to a Freeze was lost with a conversation."""
    if not attempt.runs or attempt.phase is attempt.told:
        return []
    return _told(attempt, live)


def _wanted(id_: AttemptId, wish: Phase, live: Live) -> list[Effect]:
    attempt = live.attempts.get(id_)
    if attempt is None or not attempt.runs or attempt.stop_grace_ms is not None:
        return []
    attempt.wish = wish
    return wished(attempt) if attempt.answered else []


def _reached(id_: AttemptId, phase: Phase, live: Live) -> list[Effect]:
    attempt = live.attempts.get(id_)
    if attempt is None or not attempt.runs or attempt.stop_grace_ms is not None:
        return []
    attempt.phase = phase
    if attempt.wish is phase:
        attempt.wish = None
    return _told(attempt, live)


def _told(attempt: Attempt, live: Live) -> list[Effect]:
    """Says at once how it stands, past any output; only Started comes before."""
    if attempt.told is None or live.session.phase is not StreamPhase.LIVE:
        return []
    effects: list[Effect] = []
    if attempt.started_at is not None:
        attempt.started_at = None
        effects += live.say(Started(id=attempt.id))
    attempt.told = attempt.phase
    is_frozen = attempt.phase is Phase.FROZEN
    return effects + live.say(Frozen(id=attempt.id) if is_frozen else Thawed(id=attempt.id))
