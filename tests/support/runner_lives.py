"""The life of one attempt as its link sees it, whatever becomes of its runner meanwhile."""

import os
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests.support.crash_points import Call, aim, last_life
from tests.support.host_process import HostProcess, is_free
from tests.support.runner_client import Gone, Outcome, RunnerClient, alive, wait_for

from farhand_agent.host.home import Home
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.wire import FIRST_CREDIT, Kind, Phase

#: It says who it is where nobody can lose it, waits in between, and ends in a way of its own.
SCRIPT = """echo "$FARHAND_JOB_ID" >> {witness}
echo one
until [ -e {folder}/go-"$FARHAND_JOB_ID" ]; do sleep 0.01; done
echo two
exit 7
"""
CODE = 7
LINES = (b"one\n", b"two\n")
OUTPUT = b"".join(LINES)
#: In its spool: the lines, and the exit.
ENTRIES = len(LINES) + 1


class Lives:
    """Attempts on one host, one after the other."""

    def __init__(self, host: HostProcess) -> None:
        self._host = host
        self._witness = host.state / "witness"

    # --- who dies where ---------------------------------------------------------------------

    def crash_at(self, call: Call, *, torn: bool) -> None:
        """The next process that comes there dies."""
        (self._host.state / "died").unlink(missing_ok=True)
        aim(self._host.state, call, torn=torn)

    @property
    def died_at(self) -> Call | None:
        """What was called when it died."""
        with suppress(FileNotFoundError):
            return Call.read((self._host.state / "died").read_text())
        return None

    def has_died(self) -> bool:
        """It may be a moment before that is so."""
        with suppress(TimeoutError):
            return wait_for(lambda: self.died_at, 0.5) is not None
        return False

    def calls(self, part: str) -> list[Call]:
        """Those of the process that was last in this part of its life."""
        found = [call for call in self._trace() if call.part == part]
        return last_life(call for call in found if call.pid == found[-1].pid)

    def last_words(self) -> list[Call]:
        """What was called in the same part by the one that died, before it did."""
        died = self.died_at
        assert died is not None
        whole = last_life(c for c in self._trace() if (c.pid, c.part) == (died.pid, died.part))
        return whole[:-1]

    def kill_spares(self) -> None:
        """Others are born, and what these leave is swept."""
        for path in self._host.spares():
            if (pid := Home.runner(path.parent)) is not None and alive(pid):
                os.kill(pid, signal.SIGKILL)

    def kill_launcher(self) -> None:
        """Another one is started."""
        with suppress(ProcessLookupError):
            os.kill(self.calls("launcher")[-1].pid, signal.SIGKILL)

    def _trace(self) -> Iterator[Call]:
        with (self._host.state / "trace").open() as lines:
            yield from map(Call.read, lines)

    # --- what became of it ------------------------------------------------------------------

    def executions(self, job_id: str) -> int:
        with suppress(FileNotFoundError):
            return self._witness.read_text().splitlines().count(job_id)
        return 0

    def left(self) -> list[object]:
        """Of attempts, and of runners that have died."""
        sandbox = self._host.sandbox
        return [
            *sandbox.attempts(),
            *sandbox.spools.iterdir(),
            *(pid for pid in sandbox.runners() if not alive(pid)),
            *(path for path in sandbox.spares.iterdir() if is_free(path)),
            *(group.name for group in self._host.cgroups()),
        ]

    def wait_until_nothing_is_left(self) -> None:
        try:
            wait_for(lambda: not self.left())
        except TimeoutError:
            raise AssertionError(f"left behind: {self.left()}") from None

    def discard(self) -> None:
        """What a link does with attempts that its server does not want any more."""
        for attempt in self._host.sandbox.attempts():
            with suppress(OSError, Gone):
                client = RunnerClient(self._host.sandbox.attempt_path(attempt) / "sock")
                try:
                    client.done()
                finally:
                    client.close()

    def live(
        self, *, type: str = "bash", loses_its_runner: bool = False, run_as: str = ""
    ) -> tuple[str, Outcome]:
        """One attempt, from its START until its host has forgotten it; the job, and what its link
        has seen of it."""
        script = SCRIPT.format(witness=self._witness, folder=self._host.state)
        life = Life(self._host, script, type=type, loses_its_runner=loses_its_runner, run_as=run_as)
        life.run()
        return life.job_id, life.seen


class Life:
    """What a link does: it starts an attempt again only if the host does not know it."""

    def __init__(
        self, host: HostProcess, script: str, *, type: str, loses_its_runner: bool, run_as: str
    ) -> None:
        self._host = host
        self._script = script
        self._type = type
        self._run_as = run_as
        self._loses = loses_its_runner
        self.job_id = str(uuid4())
        self.seen = Outcome()
        self._client: RunnerClient | None = None
        self._go = host.state / f"go-{self.job_id}"

    def run(self) -> None:
        try:
            wait_for(lambda: self._talk(self._read) and self._has_ended)
            wait_for(self._is_forgotten)
        except TimeoutError as error:
            where = "is there" if self._folder.exists() else "is gone"
            raise AssertionError(f"{self.seen}; {self._folder} {where}") from error
        finally:
            self._hang_up()

    @property
    def _has_ended(self) -> bool:
        return self.seen.exited is not None or self.seen.void is not None

    @property
    def _folder(self) -> Path:
        return self._host.home(self.job_id)

    def _talk(self, about: Callable[[RunnerClient], None]) -> bool:
        """With whoever serves the attempt now; False if that was the end of it."""
        try:
            if self._client is None:
                self._dial()
            assert self._client is not None
            about(self._client)
        except (Gone, OSError):
            self._hang_up()
            return False
        return True

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def _is_forgotten(self) -> bool:
        if self._folder.exists():
            self._talk(self._let_go)
        return not self._folder.exists()

    def _let_go(self, client: RunnerClient) -> None:
        client.send(Kind.FREE, durable=len(self.seen.data))
        if not client.done():
            raise Gone

    def _dial(self) -> None:
        if self._folder.exists():
            self._client = client = RunnerClient(self._folder / "sock")
            state = client.state()
            if Phase(state["phase"]) is Phase.VOID:
                self.seen.void = state["reason"]
            elif state["job_id"] == self.job_id:
                client.send(Kind.READ, offset=len(self.seen.data), credit=FIRST_CREDIT)
            else:
                raise Gone
            return
        if self._has_ended or self.seen.data:
            raise Gone
        self._client = self._host.spare()
        self._client.start(self._script, job_id=self.job_id, type=self._type, run_as=self._run_as)

    def _read(self, client: RunnerClient) -> None:
        if self._has_ended:
            return
        if not self._go.exists():
            client.take(self.seen, until=lambda seen: seen.output.startswith(LINES[0]))
            if self._has_ended:
                return
            self._go_on(client)
        client.take(self.seen)

    def _go_on(self, client: RunnerClient) -> None:
        """Between the two lines of the script."""
        runner = self._host.runner_of(self.job_id)
        # A runner that took over what is left does not write this.
        with suppress(TimeoutError):
            wait_for(lambda: (self._folder / "pid").exists() or not alive(runner), 0.5)
        if self._loses:
            self._loses = False
            os.kill(runner, signal.SIGKILL)
            raise Gone
        with suppress(ProcessLookupError):
            # Asked to go, it brings its spool to the disk first.
            os.kill(runner, signal.SIGTERM)
        overflow = self._host.sandbox.overflow(AttemptId(job_id=self.job_id, attempt=1))
        wait_for(lambda: any(overflow.glob("*")) or not alive(runner))
        client.send(Kind.FREE, durable=len(self.seen.data))
        self._go.touch()


def is_whole(seen: Outcome) -> bool:
    """Whether what was read is what the runner says that there is."""
    assert seen.exited is not None
    told = (seen.exited["size"], seen.exited["crc"])
    return told == (len(seen.data), zlib.crc32(seen.data))
