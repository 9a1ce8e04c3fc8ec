"""One real runner without an agent, and a link to it: its clock is turned, its spool is small."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.runner_client import Outcome, RunnerClient, wait_for

from farhand_agent.host.sandbox import Sandbox
from farhand_agent.host.wire import Kind, Phase
from farhand_wire import limits


class RunnerProcess:
    """`tests.support.lone_runner`, started."""

    def __init__(
        self, *, state: Path, sandbox: Path, spool_bytes: int = limits.SPOOL_BYTES
    ) -> None:
        self._state = state
        self._sandbox = Sandbox(root=sandbox, state=state)
        self._ahead = 0.0
        self.pass_(0)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.support.lone_runner"),
                *(os.fspath(state), os.fspath(sandbox), str(spool_bytes)),
            ]
        )
        self.link = wait_for(self._dialled)

    def pass_(self, seconds: float) -> None:
        """Time passes. Nobody notices."""
        self._ahead += seconds
        fresh = self._state / "ahead.new"
        fresh.write_text(str(self._ahead))
        fresh.rename(self._state / "ahead")

    def redial(self) -> None:
        """Another link takes over."""
        self.link.close()
        self.link = wait_for(self._dialled)

    def phase(self) -> Phase:
        return Phase(self.link.state()["phase"])

    def freeze(self) -> None:
        self.link.send(Kind.FREEZE)
        self.link.expect(Kind.FROZEN)

    def thaw(self) -> None:
        self.link.send(Kind.THAW)
        self.link.expect(Kind.THAWED)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> dict[str, object]:
        """How the attempt ended, once it has."""
        seen = self.link.take(Outcome())
        assert seen.exited is not None
        return seen.exited

    def ended(self) -> int:
        """Its exit code: there is nothing left to serve."""
        return self._process.wait(20)

    def close(self) -> None:
        """Ends the job if it still runs, and with it the runner."""
        with suppress(OSError):
            self.link.send(Kind.STOP, grace_ms=0)
            self.link.done()
        self.link.close()
        try:
            assert self.ended() == 0
        finally:
            self._process.kill()

    def _dialled(self) -> RunnerClient | None:
        for address in self._sandbox.addresses():
            with suppress(OSError):
                return RunnerClient(address.socket)
        return None
