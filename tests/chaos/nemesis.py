"""Who does the damage, and mends it."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.chaos.disk import SmallDisk
from tests.chaos.operators import Operators
from tests.chaos.plan import Blow, Kind, Plan
from tests.chaos.stage import Agent, ChaosStage, send
from tests.chaos.witness import now
from tests.support.fault_proxy import PASS, Fault, FaultProxy, Mode

_MODES = {
    Kind.CUT: Mode.CUT,
    Kind.REFUSE: Mode.REFUSE,
    Kind.HALF_OPEN: Mode.HALF_OPEN,
    Kind.LOSE_UP: Mode.LOSE_UP,
    Kind.LOSE_DOWN: Mode.LOSE_DOWN,
    Kind.STALL: Mode.STALL,
    Kind.RATE: Mode.RATE,
    Kind.DELAY: Mode.DELAY,
    Kind.OPERATORS_CUT: Mode.CUT,
    Kind.OPERATORS_HALF_OPEN: Mode.HALF_OPEN,
}
_SERVER = frozenset({Kind.SERVER_KILL, Kind.SERVER_RESTART, Kind.SERVER_FREEZE})
_OPERATORS = frozenset({Kind.OPERATORS_CUT, Kind.OPERATORS_HALF_OPEN})
Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Struck:
    """A fault that was done; times are those of `witness.now`."""

    kind: Kind
    whom: str
    begun: float
    #: When it was mended, or what had been killed was started again.
    mended: float | None = None
    #: Jobs that it met: those that ran on the agent, or all that were open.
    jobs: int = 0


class Nemesis:
    """Strikes as planned; whoever suffers already is passed over."""

    def __init__(self, plan: Plan, stage: ChaosStage, operators: Operators, *, say: Say) -> None:
        self.struck: list[Struck] = []
        #: Blows that found nobody to hit.
        self.missed: Counter[Kind] = Counter()
        self.complaints: list[str] = []
        self._plan = plan
        self._stage = stage
        self._operators = operators
        self._say = say
        self._over = asyncio.Event()
        self._disk_busy = asyncio.Lock()
        self._begun = now()
        self._tasks: set[asyncio.Task[None]] = set()

    async def strike_all(self) -> None:
        """Every blow at its time; returns when the last one has begun."""
        self._begun = now()
        for blow in self._plan.blows:
            await asyncio.sleep(self._begun + blow.at - now())
            self._tasks.add(asyncio.create_task(self._strike(blow)))

    async def mend_all(self) -> None:
        """Ends every fault now, and waits until that is done."""
        self._over.set()
        for done in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(done, Exception):
                self.complaints.append(f"nemesis met {done!r}")

    async def _strike(self, blow: Blow) -> None:
        if blow.kind is Kind.SERVER_DISK:
            await self._fill_disk(blow, "server", self._stage.disk, self._disk_busy)
        elif blow.kind in _SERVER:
            await self._strike_server(blow)
        elif blow.kind in _OPERATORS:
            await self._strike_wire(blow, "operators", self._stage.operators, asyncio.Lock())
        elif blow.kind is Kind.RUNNER_KILL:
            await self._kill_runner(blow)
        elif (agent := self._victim(blow)) is None:
            self.missed[blow.kind] += 1
        elif blow.kind is Kind.AGENT_DISK:
            await self._fill_disk(blow, agent.name, agent.disk, agent.disk_busy)
        elif blow.kind in _MODES:
            await self._strike_wire(blow, agent.name, agent.proxy, agent.wire_busy)
        else:
            await self._strike_agent(blow, agent)

    def _victim(self, blow: Blow) -> Agent | None:
        """The first agent, from the one that was picked, that does not suffer this already."""
        cast = self._stage.cast
        for agent in _from(cast, blow.pick):
            if blow.kind in _MODES or blow.kind is Kind.AGENT_DISK:
                busy = agent.wire_busy if blow.kind in _MODES else agent.disk_busy
                if not busy.locked():
                    return agent
            elif not agent.busy.locked() and agent.link is not None:
                return agent
        return None

    async def _strike_server(self, blow: Blow) -> None:
        server = self._stage.server
        if server.busy.locked():
            self.missed[blow.kind] += 1
            return
        async with server.busy, self._fault(blow, "server", len(self._operators.open)):
            if blow.kind is Kind.SERVER_FREEZE:
                await self._freeze(server.pid, blow)
                return
            await (server.kill() if blow.kind is Kind.SERVER_KILL else server.terminate())
            await self._wait(blow.lasting)
            server.start()

    async def _strike_agent(self, blow: Blow, agent: Agent) -> None:
        async with agent.busy, self._fault(blow, agent.name, len(list(agent.runners()))):
            if blow.kind is Kind.LINK_FREEZE:
                await self._freeze(agent.link, blow)
                return
            if blow.kind is Kind.LINK_KILL:
                if (link := agent.link) is not None:
                    send(link, signal.SIGKILL)
                return
            if blow.kind is Kind.AGENT_KILL:
                await agent.kill_all()
            elif blow.kind is Kind.LAUNCHER_KILL:
                await agent.kill()
            else:
                await agent.terminate()
            await self._wait(blow.lasting)
            agent.start()

    async def _strike_wire(
        self, blow: Blow, whom: str, proxy: FaultProxy, busy: AbstractAsyncContextManager[None]
    ) -> None:
        async with busy, self._fault(blow, whom, len(self._operators.open)):
            await proxy.set(Fault(_MODES[blow.kind], blow.amount))
            await self._wait(blow.lasting)
            await proxy.set(PASS)

    async def _fill_disk(
        self, blow: Blow, whom: str, disk: SmallDisk | None, busy: asyncio.Lock
    ) -> None:
        if disk is None or busy.locked():
            self.missed[blow.kind] += 1
            return
        async with busy, self._fault(blow, whom, len(self._operators.open)):
            await asyncio.to_thread(disk.fill)
            await self._wait(blow.lasting)
            disk.free()

    async def _kill_runner(self, blow: Blow) -> None:
        serving = [
            (agent, attempt, pid)
            for agent in self._stage.cast
            for attempt, pid in agent.runners()
            if attempt.job_id in self._operators.open
        ]
        if not serving:
            self.missed[blow.kind] += 1
            return
        agent, attempt, pid = serving[blow.pick % len(serving)]
        async with self._fault(blow, f"{attempt.folder} on {agent.name}", 1):
            self._operators.histories[attempt.job_id].lost.add(attempt.attempt)
            send(pid, signal.SIGKILL)

    async def _freeze(self, pid: int | None, blow: Blow) -> None:
        if pid is not None:
            send(pid, signal.SIGSTOP)
            await self._wait(blow.lasting)
            send(pid, signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def _fault(self, blow: Blow, whom: str, jobs: int) -> AsyncIterator[None]:
        struck = Struck(kind=blow.kind, whom=whom, begun=now(), jobs=jobs)
        self.struck.append(struck)
        much = f" ({blow.amount})" if blow.amount else ""
        lasting = f", {blow.lasting:.1f} s" if blow.lasting else ""
        at = struck.begun - self._begun
        self._say(f"  {at:8.2f} s  {blow.kind}{much}: {whom}{lasting}, meets {jobs} jobs")
        try:
            yield
        finally:
            struck.mended = now()

    async def _wait(self, seconds: float) -> None:
        """So long, or until everything is to be mended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)


def _from(cast: Sequence[Agent], pick: int) -> list[Agent]:
    start = pick % len(cast)
    return [*cast[start:], *cast[:start]]
