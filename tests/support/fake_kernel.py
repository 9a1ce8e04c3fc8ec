"""A kernel with few process numbers, where anything may happen between two questions."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from farhand_agent.host.process import Process

INIT = 1
_NUMBERS = range(2, 10)


@dataclass
class Living:
    """One process, and what nobody can ask: whose it is."""

    pid: int
    parent: int
    started: int
    ours: bool
    variables: tuple[bytes, ...] = ()


class FakeKernel:
    """Between any two steps processes end, fork, and get the numbers of those that ended."""

    def __init__(self, *, variables: tuple[bytes, ...], seed: int, haste: float) -> None:
        """`variables`: what a process of the attempt has in its environment. `haste`: how often
        something happens, 0 to 1."""
        self._variables = variables
        self._chance = random.Random(seed)
        self._haste = haste
        self._ticks = 0
        self._handles: list[Living] = []
        self.living: dict[int, Living] = {}
        #: Everybody who was signalled.
        self.signalled: list[Living] = []

    def birth(self, *, parent: int = INIT, ours: bool, known: bool = True) -> Living | None:
        """`known`: it has the environment of the attempt, if it is ours. None: no number left."""
        free = [pid for pid in _NUMBERS if pid not in self.living]
        if not free:
            return None
        self._ticks += 1
        self.living[pid] = born = Living(
            pid=(pid := self._chance.choice(free)),
            parent=parent,
            started=self._ticks,
            ours=ours,
            variables=self._variables if ours and known else (b"HOME=/",),
        )
        return born

    def death(self, one: Living) -> None:
        """Its children are init's now."""
        del self.living[one.pid]
        for each in self.living.values():
            if each.parent == one.pid:
                each.parent = INIT

    # --- process.Kernel ---------------------------------------------------------------------

    def processes(self) -> Iterator[Process]:
        for pid in sorted(self.living):
            if (found := self.process(pid)) is not None:
                yield found

    def process(self, pid: int) -> Process | None:
        self._happen()
        found = self.living.get(pid)
        if found is None:
            return None
        return Process(pid=pid, parent=found.parent, started=found.started, state="S")

    def variables(self, pid: int) -> Collection[bytes]:
        self._happen()
        found = self.living.get(pid)
        return () if found is None else found.variables

    def open(self, pid: int) -> int:
        self._happen()
        if pid not in self.living:
            raise ProcessLookupError
        self._handles.append(self.living[pid])
        return len(self._handles) - 1

    def signal(self, handle: int, number: int) -> None:
        self._happen()
        target = self._handles[handle]
        if self.living.get(target.pid) is not target:
            raise ProcessLookupError
        self.signalled.append(target)
        self.death(target)

    def close(self, handle: int) -> None:
        self._happen()

    # --- what happens meanwhile -------------------------------------------------------------

    def _happen(self) -> None:
        while self._chance.random() < self._haste:
            one = self._chance.choice([None, *self.living.values()])
            if one is None:
                self.birth(ours=False)
            elif self._chance.random() < 0.5:
                self.death(one)
            else:
                self.birth(parent=one.pid, ours=one.ours, known=self._chance.random() < 0.5)
