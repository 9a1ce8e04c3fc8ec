"""The link's half of its talks with runners."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.world.chance import Serials
from tests.support.world.host import FakeHost
from tests.support.world.runner import Conversation, Runner

from farhand_agent.core import effects, events
from farhand_agent.core.effects import Effect
from farhand_agent.core.frames import AttemptId, Exit, Phase
from farhand_agent.host.wire import Kind, Message


@dataclass(slots=True, eq=False)
class Talk:
    """One conversation, and what was read of it and not sent on."""

    serial: int
    line: Conversation
    runner: Runner
    id: AttemptId | None = None
    #: It was told to let go of its attempt.
    parting: bool = False
    pieces: deque[bytes] = field(default_factory=deque)


class Runners:
    """Carries out what the rules want of runners, and tells them what runners say."""

    def __init__(self, host: FakeHost, *, feed: Callable[[events.Event], None]) -> None:
        self._host = host
        self._feed = feed
        self._serials = Serials()
        self._talks: list[Talk] = []
        self._attempts: dict[AttemptId, Talk] = {}
        self._spares: deque[Talk] = deque()
        self._starts: deque[effects.StartRunner] = deque()

    def survey(self) -> None:
        """Asks every runner of the host what it does."""
        for id_ in self._host.sandboxes:
            self._dial(id_)
        self._look_for_spares()

    def hang_up(self) -> None:
        for talk in self._talks:
            talk.line.hung_up = True

    def hear(self) -> bool:
        """Takes one message, or notices one end; False if there is nothing."""
        self._look_for_spares()
        for talk in self._talks:
            if talk.line.to_link:
                self._heard(talk, talk.line.to_link.popleft())
            elif talk.line.closed:
                self._ended(talk)
            else:
                continue
            # The next one has its turn first.
            self._talks.sort(key=lambda other: other is talk)
            return True
        return False

    @property
    def is_due(self) -> bool:
        """Whether `hear` has something to hear."""
        if any(talk.line.to_link or talk.line.closed for talk in self._talks):
            return True
        known = {talk.runner for talk in self._talks}
        return any(runner not in known for runner in self._host.spares())

    def waiting(self) -> list[AttemptId]:
        """What waits for a spare."""
        return [order.grant.id for order in self._starts]

    @property
    def order(self) -> list[object]:
        """Talks with attempts, then spares as they would get one; each with its runner."""
        spares = list(self._spares)
        talks = sorted(self._talks, key=lambda talk: spares.index(talk) if talk in spares else -1)
        return [each for talk in talks for each in (talk, talk.runner)]

    def take(self, id_: AttemptId, size: int) -> bytes:
        """The next `size` bytes of what was read; fewer if they are not there."""
        talk = self._attempts.get(id_)
        taken = b""
        while talk is not None and talk.pieces and len(taken) < size:
            taken += talk.pieces.popleft()
        return taken

    def do(self, effect: Effect) -> None:
        match effect:
            case effects.StartRunner():
                self._start(effect)
            case effects.DialRunner(id=id_):
                self._dial(id_)
            case effects.ReadSpool(id=id_, offset=offset, credit=credit, crc=crc):
                self._say(id_, Kind.READ, offset=offset, credit=credit, crc=crc)
            case effects.GrantCredit(id=id_, credit=credit):
                self._say(id_, Kind.CREDIT, credit=credit)
            case effects.FreeSpool(id=id_, durable=durable):
                self._say(id_, Kind.FREE, durable=durable)
            case effects.StopRunner(id=id_, grace_ms=grace_ms):
                self._say(id_, Kind.STOP, grace_ms=grace_ms)
            case effects.FreezeRunner(id=id_):
                self._say(id_, Kind.FREEZE)
            case effects.ThawRunner(id=id_):
                self._say(id_, Kind.THAW)
            case effects.AnswerRunner(id=id_, ask=ask):
                self._say(id_, Kind.ANSWER, ask=ask)
            case effects.LeaveRunner(id=id_):
                self._say(id_, Kind.DONE)
            case effects.FinishRunner(id=id_, stop_grace_ms=grace_ms):
                self._finish(id_, grace_ms)
            case other:
                raise AssertionError(f"not for a runner: {other}")

    # --- what the rules want ----------------------------------------------------------------

    def _start(self, order: effects.StartRunner) -> None:
        if not self._spares:
            self._starts.append(order)
            return
        talk = self._spares.popleft()
        talk.id = order.grant.id
        self._attempts[talk.id] = talk
        talk.line.ask(
            Kind.START,
            order.script,
            job_id=talk.id.job_id,
            attempt=talk.id.attempt,
            timeout_ms=order.grant.timeout_ms,
        )

    def _dial(self, id_: AttemptId) -> None:
        if (old := self._attempts.pop(id_, None)) is not None:
            self._drop(old)
        runner = self._host.runner_of(id_)
        if runner is None:
            self._feed(events.RunnerGone(runner=next(self._serials), id=id_))
            return
        self._begin(runner, id_)

    def _finish(self, id_: AttemptId, grace_ms: int | None) -> None:
        self._starts = deque(order for order in self._starts if order.grant.id != id_)
        talk = self._attempts.pop(id_, None)
        if talk is None:
            runner = self._host.runner_of(id_)
            if runner is None:
                return
            talk = self._begin(runner, id_, parting=True)
        talk.parting = True
        talk.pieces.clear()
        if grace_ms is not None:
            talk.line.ask(Kind.STOP, grace_ms=grace_ms)
        talk.line.ask(Kind.DONE)

    def _say(self, id_: AttemptId, kind: Kind, **fields: Any) -> None:
        if talk := self._attempts.get(id_):
            talk.line.ask(kind, **fields)

    # --- talks ------------------------------------------------------------------------------

    def _find_attempts(self) -> None:
        """A spare that is gone may have begun an attempt that an earlier link had given it."""
        talked_to = {talk.id for talk in self._talks}
        for id_ in list(self._host.sandboxes):
            if id_ not in talked_to:
                self._dial(id_)

    def _look_for_spares(self) -> None:
        known = {talk.runner for talk in self._talks}
        for runner in list(self._host.spares()):
            if runner not in known:
                self._begin(runner, None)

    def _begin(self, runner: Runner, id_: AttemptId | None, *, parting: bool = False) -> Talk:
        talk = Talk(next(self._serials), runner.dial(), runner, id_, parting)
        self._talks.append(talk)
        if not parting:
            talk.line.ask(Kind.WHAT)
            if id_ is not None:
                self._attempts[id_] = talk
            self._feed(events.RunnerAsked(runner=talk.serial, id=id_))
        return talk

    def _drop(self, talk: Talk) -> None:
        talk.line.hung_up = True
        self._talks.remove(talk)
        if talk in self._spares:
            self._spares.remove(talk)

    def _ended(self, talk: Talk) -> None:
        self._drop(talk)
        if talk.parting and talk.id is not None:
            self._finish(talk.id, None)
            return
        if talk.id is not None and self._attempts.get(talk.id) is talk:
            del self._attempts[talk.id]
        if talk.id is None:
            self._find_attempts()
        self._feed(events.RunnerGone(runner=talk.serial, id=talk.id))

    def _heard(self, talk: Talk, message: Message) -> None:
        fields = message.fields
        if message.kind in (Kind.STATE, Kind.IDLE) and not fields.get("job_id"):
            self._idle(talk)
        elif message.kind is Kind.STATE:
            self._serves(talk, message)
        elif talk.id is None or talk.parting:
            return
        elif message.kind is Kind.DATA:
            talk.pieces.append(message.data)
            self._feed(
                events.RunnerData(id=talk.id, offset=fields["offset"], size=len(message.data))
            )
        elif message.kind is Kind.STARTED:
            self._feed(events.RunnerStarted(id=talk.id))
        elif message.kind is Kind.FROZEN:
            self._feed(events.RunnerFrozen(id=talk.id))
        elif message.kind is Kind.THAWED:
            self._feed(events.RunnerThawed(id=talk.id))
        elif message.kind is Kind.ASK:
            self._feed(events.RunnerAsks(id=talk.id, ask=fields["ask"], question=b""))
        elif message.kind is Kind.VOID:
            self._feed(events.RunnerVoid(id=talk.id, reason=fields["reason"]))
        elif message.kind is Kind.EXITED:
            self._feed(_exited(talk.id, message))

    def _serves(self, talk: Talk, message: Message) -> None:
        fields = message.fields
        if talk.parting:
            return
        id_ = AttemptId(fields["job_id"], fields["attempt"])
        known = self._attempts.get(id_)
        if known is not None and known is not talk:
            self._drop(known)
            self._feed(events.RunnerGone(runner=known.serial, id=None))
        talk.id = id_
        self._attempts[id_] = talk
        self._feed(
            events.RunnerState(
                runner=talk.serial,
                id=id_,
                phase=Phase(fields["phase"].value),
                size=fields["size"],
                reason=fields["reason"],
            )
        )

    def _idle(self, talk: Talk) -> None:
        if talk.id is not None and self._attempts.get(talk.id) is talk:
            del self._attempts[talk.id]
            self._feed(events.RunnerGone(runner=talk.serial, id=talk.id))
        talk.id, talk.parting = None, False
        talk.pieces.clear()
        self._spares.append(talk)
        self._feed(events.RunnerState(runner=talk.serial, id=None))
        if self._starts:
            self._start(self._starts.popleft())


def _exited(id_: AttemptId, message: Message) -> events.RunnerExited:
    fields = message.fields
    exit_ = Exit(
        code=fields["code"],
        signal=fields["signal"],
        reason=fields["reason"],
        stopped=fields["stopped"],
        lost=fields["lost"],
    )
    return events.RunnerExited(id=id_, exit=exit_, size=fields["size"], crc=fields["crc"])
