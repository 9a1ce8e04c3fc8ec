"""Who reads every frame at the moment it leaves or arrives, and holds it against the truth."""

import itertools
import traceback

from tests.support.memory_output import MemoryOutputStore
from tests.support.world.truth import Truth, Violation

from farhand_server.errors import OutcomeUnknown
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import SpoolId


class Watcher:
    """Promises are checked when they are made, not when somebody relies on them."""

    def __init__(self, truth: Truth, output: MemoryOutputStore) -> None:
        self._truth = truth
        self._output = output
        self._calls = itertools.count(1)
        self._hellos: dict[SessionId, frames.Hello] = {}
        #: Session numbers by session, once welcomed.
        self._numbers: dict[SessionId, int] = {}
        #: Sessions of adversaries: nobody minds what is said about them.
        self.rogues: set[SessionId] = set()

    def next_call(self) -> int:
        return next(self._calls)

    def failed(self, error: Exception) -> None:
        """A process met an exception; only stores may fail, and only when they are told to."""
        if not isinstance(error, OutcomeUnknown):
            self._truth.faults.append("".join(traceback.format_exception(error)))

    # --- what a worker says -----------------------------------------------------------------

    def greeted(self, session: SessionId, hello: frames.Hello) -> None:
        self._hellos[session] = hello

    def said(self, session: SessionId, frame: frames.AgentFrame) -> None:
        hello = self._hellos.get(session)
        if isinstance(frame, frames.Heartbeat) and hello and session in self._numbers:
            number = self._numbers[session]
            known = self._truth.confirmed[hello.worker]
            self._truth.confirmed[hello.worker] = max(known, number)

    # --- what the server says ---------------------------------------------------------------

    def leaves(self, session: SessionId, frame: frames.ServerFrame) -> None:
        match frame:
            case frames.Welcome(session_number=number, verdicts=verdicts):
                self._welcomed(session, number)
                for verdict in verdicts:
                    if isinstance(verdict, frames.Continue):
                        self._promised(verdict)
            case frames.OutputAck():
                self._promised(frame)

    def accused(self, session: SessionId, problem: str) -> None:
        """The server says that a worker broke the protocol."""
        if session not in self.rogues:
            self._truth.faults.append(f"the server says of a worker: {problem}")

    def _welcomed(self, session: SessionId, number: int) -> None:
        self._numbers[session] = number
        hello = self._hellos.get(session)
        if hello and hello.session_number < self._truth.confirmed[hello.worker]:
            raise Violation(
                f"I10: welcomed with session number {hello.session_number}, "
                f"but {self._truth.confirmed[hello.worker]} was confirmed"
            )

    def _promised(self, frame: frames.OutputAck | frames.Continue) -> None:
        spool = SpoolId(job=JobId(frame.job), attempt=frame.attempt)
        durable = len(self._output.durable(spool))
        if frame.durable > durable:
            raise Violation(f"I7: {spool} durable {frame.durable} said, {durable} is")
        stored = len(self._output.committed(spool))
        if frame.stored > stored:
            raise Violation(f"I7: {spool} stored {frame.stored} said, {stored} is")
