"""Somebody who looks all the time: who is online, and how heavy everybody is."""

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import grpc
from demo.sockets import tree
from tests.chaos.client import Client
from tests.chaos.stage import Actor, ChaosStage
from tests.chaos.witness import now

from farhand_wire.v1 import hybrid_worker_pb2

LOOK_SECONDS = 0.1
#: Weighing reads much.
WEIGH_EVERY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A worker as the server showed it."""

    at: float
    online: bool
    used: int


class Monitor:
    """Looks past every proxy."""

    def __init__(self, stage: ChaosStage, client: Client) -> None:
        self.looks: defaultdict[str, list[Look]] = defaultdict(list)
        #: KiB, the most that was seen: of the server's process, of an agent's processes together.
        self.peak_server = 0
        self.peak_agent = 0
        self._stage = stage
        self._client = client

    async def run(self) -> None:
        """Until it is cancelled."""
        count = 0
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                self._note(await self._client.workers())
            if count % WEIGH_EVERY == 0:
                self._weigh()
            count += 1
            await asyncio.sleep(LOOK_SECONDS)

    def first(self, worker: str, *, online: bool, since: float) -> float | None:
        """When the worker was first seen to be so, from then on."""
        return next(
            (look.at for look in self.looks[worker] if look.at >= since and look.online is online),
            None,
        )

    def was_online(self, worker: str, *, at: float) -> bool:
        """At the last look before then."""
        before = [look for look in self.looks[worker] if look.at <= at]
        return bool(before) and before[-1].online

    def is_online(self, worker: str) -> bool:
        """At the last look."""
        return bool(self.looks[worker]) and self.looks[worker][-1].online

    def _note(self, workers: list[hybrid_worker_pb2.HybridWorker]) -> None:
        at = now()
        for worker in workers:
            online = worker.state == hybrid_worker_pb2.WORKER_STATE_ONLINE
            look = Look(at=at, online=online, used=worker.slots_used)
            looks = self.looks[worker.name]
            # Only what is new is kept, and the last look as it was.
            if len(looks) > 1 and all(_same(look, known) for known in looks[-2:]):
                looks.pop()
            looks.append(look)

    def _weigh(self) -> None:
        self.peak_server = max(self.peak_server, peak(self._stage.server))
        for agent in self._stage.cast:
            self.peak_agent = max(self.peak_agent, weight(agent))


def _same(one: Look, other: Look) -> bool:
    return (one.online, one.used) == (other.online, other.used)


def peak(actor: Actor) -> int:
    """The most that its first process ever had resident, in KiB; 0 if it does not run."""
    return _field(actor.pid, "status", "VmHWM:") if actor.pid is not None else 0


def weight(actor: Actor) -> int:
    """Proportional set size of all its processes, in KiB; scripts are not its own."""
    total = 0
    with contextlib.suppress(OSError):
        for pid in tree(actor.pid) if actor.pid is not None else ():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().startswith("farhand"):
                    total += _field(pid, "smaps_rollup", "Pss:")
    return total


def _field(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0
