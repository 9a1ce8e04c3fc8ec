"""What runners report: how attempts start, write, end, and are found again."""

from farhand_agent.core.effects import (
    DialRunner,
    Effect,
    EndStream,
    FinishRunner,
    FreeSpool,
    GrantCredit,
    LeaveRunner,
    ReadSpool,
    StartRunner,
    StopRunner,
)
from farhand_agent.core.events import (
    RunnerAsked,
    RunnerData,
    RunnerExited,
    RunnerGone,
    RunnerStarted,
    RunnerState,
    RunnerVoid,
)
from farhand_agent.core.frames import AttemptId, NotStarted, Phase, Result
from farhand_agent.core.frost import noticed, wished
from farhand_agent.core.journal import Journal
from farhand_agent.core.live import Attempt, Live, StreamPhase
from farhand_agent.core.offsets import OffsetError


def asked(event: RunnerAsked, live: Live, journal: Journal, now: float) -> list[Effect]:
    live.asked[event.runner] = now
    if event.id is None:
        live.nameless.add(event.runner)
    else:
        _known(event.id, live).answered = False
    return []


def answered(event: RunnerState, live: Live, journal: Journal, now: float) -> list[Effect]:
    _heard(event.runner, live)
    if event.id is None:
        return []
    attempt = _known(event.id, live)
    attempt.answered = True
    attempt.start = None
    attempt.phase = event.phase
    attempt.size = event.size
    attempt.void = event.reason
    return noticed(attempt, live) + resumed(attempt, live)


def gone(event: RunnerGone, live: Live, journal: Journal, now: float) -> list[Effect]:
    """Looks for the attempt's runner again. A grant that left no sandbox was never begun, so it
    is begun again; the claim in the sandbox keeps even a runner that only looked dead from
    running it twice. Where the sandbox itself is gone, an earlier link had let it go: only the
    server can say what that means, and learns it from the next Hello."""
    _heard(event.runner, live)
    attempt = live.attempts.get(event.id) if event.id else None
    if attempt is None:
        return []
    attempt.answered = False
    if attempt.flow:
        attempt.flow.reread()  # what was read and not sent went with it
    if journal.knows(attempt.id):
        return [DialRunner(id=attempt.id)]
    if attempt.let_run:
        del live.attempts[attempt.id]
        return []
    if attempt.start is None:
        del live.attempts[attempt.id]
        _say_hello_again(live, "an attempt is gone")
        return []
    grant, script = attempt.start
    return [StartRunner(grant=grant, script=script)]


def started(event: RunnerStarted, live: Live, journal: Journal, now: float) -> list[Effect]:
    if attempt := live.attempts.get(event.id):
        attempt.answered = True
        attempt.start = None
        if live.session.phase is StreamPhase.LIVE and attempt.told is not None:
            attempt.started_at = now
        return ordered(attempt)
    return []


def voided(event: RunnerVoid, live: Live, journal: Journal, now: float) -> list[Effect]:
    attempt = live.attempts.get(event.id)
    if attempt is None:
        return []
    attempt.answered = True
    attempt.start = None
    attempt.phase = Phase.VOID
    attempt.void = event.reason
    return resumed(attempt, live)


def data(event: RunnerData, live: Live, journal: Journal, now: float) -> list[Effect]:
    attempt = live.attempts.get(event.id)
    if attempt is None or attempt.flow is None:
        return []
    try:
        attempt.flow.arrived(offset=event.offset, size=event.size)
    except OffsetError:
        attempt.flow.reread()
        attempt.answered = False
        return [DialRunner(id=attempt.id)]
    return []


def exited(event: RunnerExited, live: Live, journal: Journal, now: float) -> list[Effect]:
    attempt = live.attempts.get(event.id)
    if attempt is None:
        return []
    attempt.phase = Phase.EXITED
    attempt.asks.clear()
    attempt.size = event.size
    attempt.result = Result(id=event.id, exit=event.exit, size=event.size, crc=event.crc)
    return []


def resumed(attempt: Attempt, live: Live) -> list[Effect]:
    """What a runner must hear at the begin of each conversation, as far as it is known."""
    if attempt.phase is Phase.VOID and not attempt.let_run:
        return not_started(attempt, live)
    effects = ordered(attempt)
    if attempt.flow:
        flow = attempt.flow
        flow.reread()
        if flow.durable:
            effects.append(FreeSpool(id=attempt.id, durable=flow.durable))
        told = attempt.verdict
        crc = told.crc if told and told.stored == flow.sent else None
        effects.append(ReadSpool(id=attempt.id, offset=flow.sent, credit=live.read_ahead, crc=crc))
    return effects


def ordered(attempt: Attempt) -> list[Effect]:
    """What is to become of its script, if anything was said about that."""
    if attempt.let_run:
        return [LeaveRunner(id=attempt.id)]
    if not attempt.runs:
        return []
    if attempt.stop_grace_ms is not None:
        attempt.phase = Phase.RUNNING  # one that was frozen goes on, to its end
        return [StopRunner(id=attempt.id, grace_ms=attempt.stop_grace_ms)]
    return wished(attempt)


def not_started(attempt: Attempt, live: Live) -> list[Effect]:
    """Says so, once in a session."""
    if attempt.reported:
        return []
    effects = live.say(NotStarted(id=attempt.id, reason=attempt.void))
    attempt.reported = bool(effects)
    return effects


def finished(attempt: Attempt, live: Live, *, stop_grace_ms: int | None = None) -> list[Effect]:
    """Lets go of the attempt; its slot is free with that."""
    del live.attempts[attempt.id]
    return [FinishRunner(id=attempt.id, stop_grace_ms=stop_grace_ms)]


def _heard(runner: int, live: Live) -> None:
    """It owes no answer any more. The server learns from another Hello that nothing is missing."""
    live.asked.pop(runner, None)
    live.nameless.discard(runner)
    unheard = live.session.unheard
    if runner in unheard:
        unheard.discard(runner)
        if not unheard:
            _say_hello_again(live, "every runner has answered")


def _known(id_: AttemptId, live: Live) -> Attempt:
    """The attempt; one found only now counts as running until its runner says otherwise."""
    if id_ in live.attempts:
        return live.attempts[id_]
    # The Hello did not list it, so the server takes it for never started.
    _say_hello_again(live, "an attempt turned up late")
    live.attempts[id_] = Attempt(id=id_)
    return live.attempts[id_]


def _say_hello_again(live: Live, reason: str) -> None:
    if live.session.phase is not StreamPhase.AWAY:
        live.session.leave = EndStream(reason=reason, retry_after_seconds=0.0)


def credit(attempt: Attempt) -> list[Effect]:
    due = attempt.flow.credit_due() if attempt.flow else 0
    return [GrantCredit(id=attempt.id, credit=due)] if due else []
