"""Real processes under fire: a server, agents and operators, and afterwards the checker."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.chaos import figures
from tests.chaos.checker import Broken, Violation, judge
from tests.chaos.client import Client
from tests.chaos.history import JobHistory
from tests.chaos.ledger import read_ledger
from tests.chaos.monitor import Monitor
from tests.chaos.nemesis import Nemesis
from tests.chaos.operators import Operators, survivors
from tests.chaos.plan import Plan
from tests.chaos.report import Report, Table
from tests.chaos.rescue import Rescue, Rescued
from tests.chaos.residue import connections, descriptors, groups, residue, strangers
from tests.chaos.runbooks import RUNBOOKS
from tests.chaos.stage import ChaosStage, send
from tests.chaos.witness import now

Say = Callable[[str], None]
#: Once all is mended: the longest wait for a connection (60 s), a lease, a stop's grace, a script.
PATIENCE_SECONDS = 240.0
#: What has ended is tidied away by then: gRPC gives a handshake that never came 120 s.
TIDY_SECONDS = 150.0
#: The operators' program and the one who looks.
CLIENTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A run and what came of it."""

    histories: Sequence[JobHistory]
    violations: Sequence[Violation]
    nemesis: Nemesis
    report: Report


async def play(plan: Plan, *, agents: int, say: Say, restores: bool = False) -> Played:
    """Does everything that the plan says, mends it, waits, and judges; then, if asked, loses the
    server with its data and restores it."""
    stage = ChaosStage()
    say(f"  seed {plan.seed}: {len(plan.submissions)} jobs and {len(plan.blows)} blows in "
        f"{plan.seconds:.0f} s; {agents} agents; {stage.root}")  # fmt: skip
    async with stage.playing(agents):
        played = await _Run(plan, stage, say, restores=restores).whole()
        stage.keep = bool(played.violations)
    if played.violations:
        say(f"  logs and the witness stay in {stage.root}")
    return played


class _Run:
    def __init__(self, plan: Plan, stage: ChaosStage, say: Say, *, restores: bool) -> None:
        config = stage.root / "config.toml"
        self._restores = restores
        self._rescued: Rescued | None = None
        self._plan = plan
        self._stage = stage
        self._say = say
        self._outside = Client(config, f"localhost:{stage.operators.port}")
        self._direct = Client(config, stage.endpoint)
        self._operators = self._hire(plan)
        self._nemesis = Nemesis(plan, stage, self._operators, say=say)
        self._monitor = Monitor(stage, self._direct)
        self._complaints: list[str] = []
        #: Of which nothing may be left.
        self._jobs = self._operators.histories

    async def whole(self) -> Played:
        monitor = asyncio.create_task(self._monitor.run())
        try:
            await self._open()
            await asyncio.gather(self._operators.submit_all(), self._nemesis.strike_all())
            await self._come_to_rest()
            await self._tidy()
            if self._restores and not self._complaints:
                await self._rescue()
            tables = self._tables()
        finally:
            monitor.cancel()
            await self._operators.leave()
            await asyncio.gather(monitor, return_exceptions=True)
            await self._outside.close()
            await self._direct.close()
            for pid in survivors({*self._operators.histories, *self._jobs}):
                send(pid, signal.SIGKILL)
        await self._end()
        return self._judge(tables)

    async def _open(self) -> None:
        for runbook in RUNBOOKS:
            await self._direct.publish(runbook)
        for agent in self._stage.cast:
            agent.start()
        async with asyncio.timeout(TIDY_SECONDS):
            while not self._all_online():  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.1)

    async def _come_to_rest(self) -> None:
        self._say(f"  all is mended; {len(self._operators.open)} jobs are open")
        await self._nemesis.mend_all()
        begun = now()
        await self._operators.finish(PATIENCE_SECONDS, all_online=self._all_online)
        self._say(f"  at rest after {now() - begun:.1f} s")
        await read_ledger(
            self._operators.histories.values(),
            self._direct,
            state=self._stage.data / "farhand.db",
            witness=self._stage.witness,
        )

    async def _rescue(self) -> None:
        self._say("  backup, loss and restore")
        operators = self._hire(replace(self._plan, submissions=(), blows=()))
        self._jobs = operators.histories
        rescue = Rescue(self._stage, operators, seed=self._plan.seed)
        try:
            self._rescued = await rescue.play()
        except TimeoutError as error:
            self._complaints.append(f"restore: {error}")
        finally:
            await operators.leave()
        self._complaints += operators.complaints
        await self._tidy()

    def _hire(self, plan: Plan) -> Operators:
        return Operators(
            plan,
            self._outside,
            witness=self._stage.witness,
            farhand=self._stage.command("farhand"),
            env=self._stage.env,
        )

    async def _tidy(self) -> None:
        """Waits until nothing is left of any job; what stays is a complaint."""
        jobs = set(self._jobs)
        until = now() + TIDY_SECONDS
        while left := residue(self._stage, self._monitor, jobs, clients=CLIENTS):
            if now() >= until:
                self._complaints += left
                return
            await asyncio.sleep(0.1)

    async def _end(self) -> None:
        """Everybody ends in order, and nothing that was started lives on."""
        for actor in (*self._stage.cast, self._stage.server):
            await actor.terminate()
            self._complaints += actor.complaints
        for agent in self._stage.cast:
            self._complaints += [f"control group {name} is left" for name in groups(agent)]
        until = now() + TIDY_SECONDS
        while left := strangers(self._stage.root):
            if now() >= until:
                self._complaints += [f"process {what} lives on" for what in left]
                return
            await asyncio.sleep(0.1)

    def _all_online(self) -> bool:
        return all(self._monitor.is_online(agent.name) for agent in self._stage.cast)

    def _tables(self) -> list[Table]:
        """What can only be told while everybody lives."""
        histories, monitor = list(self._operators.histories.values()), self._monitor
        server = self._stage.server.pid
        troubles = self._outside.troubles.most_common()
        rows = (
            ("peak memory of the server (resident)", f"{monitor.peak_server / 1024:.1f} MiB"),
            ("peak memory of an agent (proportional)", f"{monitor.peak_agent / 1024:.1f} MiB"),
            ("descriptors of the server at the end", f"{descriptors(server)}"),
            ("connections of the server at the end", f"{len(connections(self._stage.port))}"),
            ("answers that were none", ", ".join(f"{n} {c}" for c, n in troubles) or "none"),
            (
                "disks that can be full",
                "yes" if self._stage.disk else "no: only root can make them",
            ),
            ("blows that found nobody", f"{self._nemesis.missed.total()}"),
            ("jobs Suspended at the end, explained", f"{sum(map(_is_suspended, histories))}"),
            ("jobs that ran again, as they may", f"{sum(h.executions() > 1 for h in histories)}"),
        )
        return [
            figures.faults(self._nemesis),
            figures.times(histories, monitor, self._nemesis),
            Table(title="weights", head=("what", "value"), rows=rows),
        ]

    def _judge(self, tables: list[Table]) -> Played:
        histories = list(self._operators.histories.values())
        said = [*self._operators.complaints, *self._nemesis.complaints, *self._complaints]
        violations = [*judge(histories), *(Violation(kind=Broken.LEFT, text=t) for t in said)]
        if self._rescued is not None:
            violations += self._rescued.violations
            tables.append(figures.rescue(self._rescued))
        broken = [str(violation) for violation in violations]
        if self._restores and self._rescued is None:
            broken.append("the server was not lost and restored")
        if self._plan.blows and not self._nemesis.struck:
            broken.append("no fault was struck: nothing was tried")
        title = f"real processes: {len(histories)} jobs in {self._plan.seconds:.0f} s"
        report = Report(
            title=title,
            tables=[figures.promises(histories, violations), *tables],
            broken=broken,
        )
        return Played(
            histories=histories, violations=violations, nemesis=self._nemesis, report=report
        )


def _is_suspended(history: JobHistory) -> bool:
    return history.ending is not None and history.ending.status.name == "SUSPENDED"
