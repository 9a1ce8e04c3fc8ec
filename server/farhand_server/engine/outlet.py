"""Where effects leave: frames into mailboxes, answers to callers, news to whoever watches."""

from collections.abc import Callable, Sequence

import structlog

from farhand_server.core.effects import (
    Answer,
    CloseSpool,
    Count,
    Effect,
    EndSession,
    Notice,
    OpenSpool,
    RemoveOutput,
    Send,
    Wake,
)
from farhand_server.core.events import CallId
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.ports import Clock
from farhand_server.engine.restarts import Restarts
from farhand_server.engine.switchboard import Switchboard
from farhand_server.errors import ProtocolViolation, Refusal, ShuttingDown
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import Job

log = structlog.get_logger("farhand.engine")


class Outlet:
    """Carries out what the rules decided. Loop thread only."""

    def __init__(self, *, desk: OutputDesk, switchboard: Switchboard, clock: Clock) -> None:
        self._desk = desk
        self._switchboard = switchboard
        self._restarts = Restarts(clock)
        self._calls: dict[CallId, Callable[[object], None]] = {}

    def expect(self, call: CallId, answer: Callable[[object], None]) -> None:
        """`answer` gets the reply to this call."""
        self._calls[call] = answer

    def release(self, effects: Sequence[Effect]) -> None:
        """In their order."""
        for effect in effects:
            match effect:
                case Send(session=session, frame=frame):
                    if box := self._switchboard.box(session):
                        box.put(frame)
                    if isinstance(frame, frames.Registered):
                        self._switchboard.introduce(session, frame.worker)
                case Answer(call=call, value=value):
                    self._answer(call, value)
                case Wake(job=job):
                    self._switchboard.changed(job)
                case OpenSpool(session=session, spool=spool, extent=extent, fresh=fresh):
                    if self._switchboard.box(session):
                        self._desk.open(session, spool, extent, fresh=fresh)
                case CloseSpool(spool=spool, session=session):
                    self._desk.close(spool, session)
                case EndSession(session=session, refusal=refusal, reason=reason):
                    self.end(session, reason, refusal)
                case Count(worker=worker, reason=reason):
                    self._switchboard.count(worker, reason)
                case RemoveOutput(job=job):
                    self._switchboard.drop(job)
                    self._desk.remove(job)
                case Notice(text=text, fields=fields):
                    log.warning(text, **fields)

    def end(self, session: SessionId, reason: str, refusal: Refusal | None = None) -> None:
        """Ends a stream: with Goodbye, or with the refusal that explains it."""
        if box := self._switchboard.box(session):
            if refusal is None:
                box.put(frames.Goodbye(reason=reason))
            box.end(refusal)
        self._desk.leave(session)

    def violated(self, session: SessionId, reason: str) -> None:
        """Ends a stream whose worker did something that no worker may."""
        self._switchboard.blame(session, reason)
        self.end(session, reason, ProtocolViolation(reason))

    def start_over(self) -> None:
        """As after a crash: every stream ends, every caller learns that the outcome is open."""
        self._switchboard.forget()
        drain = frames.Drain(
            reason="the server starts over", retry_after_ms=self._restarts.delay_ms()
        )
        for box in self._switchboard.boxes():
            box.put(drain)
            box.end()
        for call in list(self._calls):
            self._answer(
                call,
                ShuttingDown(
                    "the server could not commit",
                    why="the database did not take the change, or may not have",
                    do="look whether it was done, then try again",
                ),
            )

    def _answer(self, call: CallId, value: object) -> None:
        if isinstance(value, Job):
            self._switchboard.changed(value)
        if answer := self._calls.pop(call, None):
            answer(value)
