"""Who reads every frame at the moment it leaves, and holds it against the truth."""

import sqlite3
import traceback

from tests.support.world.chance import Serials
from tests.support.world.stores import Output
from tests.support.world.truth import Truth, Violation

from farhand_server.errors import OutcomeUnknown
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import SpoolId


class Watcher:
    """Promises are checked when they are made, not when somebody relies on them."""

    def __init__(self, truth: Truth, output: Output) -> None:
        self._truth = truth
        self._output = output
        self._calls = Serials()
        #: Sessions of adversaries: nobody minds what is said about them.
        self.rogues: set[SessionId] = set()

    def next_call(self) -> int:
        return next(self._calls)

    def failed(self, error: Exception) -> None:
        """A process met an exception; only stores may fail, and only when they are told to."""
        if not isinstance(error, OutcomeUnknown | sqlite3.Error):
            self._truth.faults.append("".join(traceback.format_exception(error)))

    # --- what the server says ---------------------------------------------------------------

    def leaves(self, frame: frames.ServerFrame) -> None:
        match frame:
            case frames.Welcome(verdicts=verdicts):
                for verdict in verdicts:
                    if isinstance(verdict, frames.Continue):
                        self._promised(verdict)
            case frames.OutputAck():
                self._promised(frame)

    def accused(self, session: SessionId, problem: str) -> None:
        """The server says that a worker broke the protocol."""
        if session not in self.rogues:
            self._truth.faults.append(f"the server says of a worker: {problem}")

    def _promised(self, frame: frames.OutputAck | frames.Continue) -> None:
        spool = SpoolId(job=JobId(frame.job), attempt=frame.attempt)
        durable = len(self._output.durable(spool))
        if frame.durable > durable:
            raise Violation(f"I7: {spool} durable {frame.durable} said, {durable} is")
        stored = len(self._output.committed(spool))
        if frame.stored > stored:
            raise Violation(f"I7: {spool} stored {frame.stored} said, {stored} is")
