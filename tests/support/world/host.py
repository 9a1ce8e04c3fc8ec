"""A machine: sandboxes, runners, and a little disk. It outlives its agent."""

from collections.abc import Callable, Iterator

from tests.support.world.runner import Conversation, Runner, Sandbox, attempt_id
from tests.support.world.translation import spool_id
from tests.support.world.truth import Truth

from farhand_agent.core.frames import AttemptId, RunbookType
from farhand_agent.host.timeout import in_words
from farhand_agent.host.wire import Message, Phase
from farhand_server.model.identifiers import WorkerId
from farhand_server.model.output import SpoolId
from farhand_wire import spool

SPARES = 2


class FakeHost:
    """Implements the agent's Journal."""

    def __init__(
        self, name: str, *, truth: Truth, slots: int, types: frozenset[RunbookType]
    ) -> None:
        self.name = name
        self.slots = slots
        self.types = types
        #: None until it has joined.
        self.worker: WorkerId | None = None
        #: Which key pair it has made last.
        self.keys = 1
        self._journals = 0
        self._number = 0
        self._truth = truth
        self._boots = 0
        self.boot_id = ""
        self.journal_id = ""
        self.sandboxes: dict[AttemptId, Sandbox] = {}
        self.runners: list[Runner] = []
        #: Why nothing can be executed here; empty when it can.
        self.broken = ""
        #: Makes what links and runners talk through.
        self.talk: Callable[[], Conversation] = Conversation
        self.reboot(keep_journal=False)

    # --- core.Journal -----------------------------------------------------------------------

    @property
    def session_number(self) -> int:
        return self._number

    def knows(self, id_: AttemptId) -> bool:
        return id_ in self.sandboxes

    def keep_session_number(self, number: int) -> None:
        self._number = number

    # --- what the link finds ----------------------------------------------------------------

    def spares(self) -> Iterator[Runner]:
        return (runner for runner in self.runners if runner.sandbox is None)

    def runner_of(self, id_: AttemptId) -> Runner | None:
        found = (r for r in self.runners if r.sandbox is not None and r.sandbox.id == id_)
        return next(found, None)

    def fork_spares(self) -> None:
        """The launcher's work."""
        while sum(1 for _ in self.spares()) < SPARES:
            self.runners.append(self._runner())

    def attempts(self) -> list[SpoolId]:
        """Those that it would list as its own, the void ones excepted, and those that a runner is
        about to begin."""
        gone = {r.sandbox.id for r in self.runners if r.sandbox is not None and r.is_let_go}
        boxes = self.sandboxes.values()
        held = [box.id for box in boxes if box.phase is not Phase.VOID and box.id not in gone]
        return [spool_id(id_) for id_ in held + [i for r in self.runners for i in r.promised()]]

    # --- what happens to it -----------------------------------------------------------------

    def lose_state(self) -> None:
        """Its key, its identity and its number are gone; what it runs is not."""
        self.worker = None
        self.keys += 1
        self._number = 0

    def running(self) -> list[Sandbox]:
        return [s for s in self.sandboxes.values() if s.phase is Phase.RUNNING]

    def frozen(self) -> list[Sandbox]:
        return [s for s in self.sandboxes.values() if s.phase is Phase.FROZEN]

    def print(self, sandbox: Sandbox, text: bytes) -> None:
        sandbox.write(spool.pack(spool.Kind.OUTPUT, 0, text), self._truth)

    def ask(self, sandbox: Sandbox) -> None:
        """The script asks for something, if its runner lives."""
        if (runner := self.runner_of(sandbox.id)) is not None:
            runner.ask()

    def exit(self, sandbox: Sandbox, *, code: int | None = 0, signal: int | None = None) -> None:
        """A script that a STOP has reached says so, however it ends."""
        sandbox.end(
            spool.Exit(code=code, signal=signal, stopped=sandbox.stopping), truth=self._truth
        )

    def pass_time(self, ms: int) -> None:
        """Runners end what has run for too long, whether anybody else lives or not."""
        for sandbox in self.running():
            if sandbox.left_ms is None or sandbox.stopping:
                continue
            sandbox.left_ms -= ms
            if sandbox.left_ms <= 0:
                reason = f"timed out after {in_words(sandbox.timeout_ms)}"
                sandbox.end(spool.Exit(reason=reason), truth=self._truth)

    def kill_runner(self, runner: Runner, *, unsaid: bool = False) -> None:
        """Its script dies with it; the launcher forks another one that serves what is left.
        `unsaid`: nobody will hear what it said last."""
        runner.die(unsaid=unsaid)
        self.runners.remove(runner)
        sandbox = runner.sandbox
        if sandbox is not None:
            if sandbox.runs:
                sandbox.phase, sandbox.reason = Phase.EXITED, "the runner was lost"
                self._truth.forgets(self.name)
            self.runners.append(self._runner(sandbox))
        self.fork_spares()

    def reboot(self, *, keep_journal: bool) -> None:
        """Whatever ran is dead. `keep_journal`: the sandboxes were on a disk that kept their
        root, and lost what was not synced: every attempt."""
        self._boots += 1
        self.boot_id = f"boot-{self._boots}-of-{self.name}"
        self.wipe(keep_journal=keep_journal)

    def wipe(self, *, keep_journal: bool = False) -> None:
        """The sandboxes are gone, and with them whoever could tell what runs."""
        if not keep_journal:
            self._journals += 1
            self.journal_id = f"journal-{self._journals}-of-{self.name}"
        self.sandboxes.clear()
        for runner in self.runners:
            runner.die()
        self.runners = []
        self.fork_spares()

    def _runner(self, sandbox: Sandbox | None = None) -> Runner:
        return Runner(
            truth=self._truth,
            begin=self._begin,
            forget=self._forget,
            converse=self._converse,
            sandbox=sandbox,
        )

    def _converse(self) -> Conversation:
        return self.talk()

    def _begin(self, runner: Runner, message: Message) -> Sandbox | None:
        id_ = attempt_id(message)
        if id_ in self.sandboxes:
            return None
        timeout_ms = int(message.fields["timeout_ms"])
        sandbox = self.sandboxes[id_] = Sandbox(
            id=id_, timeout_ms=timeout_ms, left_ms=timeout_ms or None
        )
        if self.broken:
            sandbox.phase, sandbox.reason = Phase.VOID, self.broken
        else:
            self._truth.executed(spool_id(id_), self.name)
        return sandbox

    def _forget(self, sandbox: Sandbox) -> None:
        self.sandboxes.pop(sandbox.id, None)
