"""The last act: a backup under load, then the server is lost with its data, and is restored.

What the backup knows goes on as if nothing had happened, also what was granted after it; what was
started after it is forgotten and was still executed once; nothing runs twice.
"""

import asyncio
import random
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.checker import Broken, Violation, judge
from tests.chaos.history import JobHistory
from tests.chaos.ledger import read_ledger
from tests.chaos.operators import Operators
from tests.chaos.plan import Submission
from tests.chaos.runbooks import COUNT, GATED, Runbook, Task
from tests.chaos.stage import SLOTS, ChaosStage
from tests.chaos.witness import now, oaths

STEP_SECONDS = 120.0
#: Exit codes of gated jobs, and so the names of their gates.
LAST, EARLY = 0, 1
#: Jobs that wait at the backup and run at the loss, and as many that are started after the backup:
#: as many as both together end in between.
FEW = 2
#: Of each job.
LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescued:
    """What came of it."""

    histories: Sequence[JobHistory]
    violations: Sequence[Violation]
    backup_seconds: float
    restore_seconds: float


class Rescue:
    """Plays once, on a stage where everything is at rest."""

    def __init__(self, stage: ChaosStage, operators: Operators, *, seed: int) -> None:
        self._stage = stage
        self._operators = operators
        self._chance = random.Random(f"rescue {seed}")
        self._complaints: list[str] = []

    async def play(self) -> Rescued:
        """Every job of it, judged. Raises TimeoutError if something never comes."""
        slots = SLOTS * len(self._stage.cast)
        early = self._start(2 * FEW, GATED, code=EARLY)
        running = self._start(slots - 2 * FEW, GATED, code=LAST)
        await self._until("all slots are taken", lambda: self._wait_at_gate([*early, *running]))
        waiting = self._start(FEW, GATED, code=LAST)
        await self._until("they wait", lambda: all(h.acknowledged for h in waiting))

        backup_seconds = await self._farhand_server("backup", self._file)
        self._open_gate(EARLY)
        await self._until("the early ones have ended", lambda: all(h.first_final for h in early))
        await self._until("those that waited run", lambda: self._wait_at_gate(waiting))
        later = self._start(FEW, COUNT)
        await self._until("later ones have ended", lambda: all(h.first_final for h in later))

        restore_seconds = await self._lose_and_restore()
        known = [*early, *running, *waiting]
        for history in known:
            # The restored server shows an earlier time: that is no step back of its own.
            history.seen.clear()
        for history in early:
            # Only the time that was lost knew how it ended, and all that it had written.
            history.lost.add(1)
            history.followed = None
        self._open_gate(LAST)
        return await self._judge(known, later, backup_seconds, restore_seconds)

    async def _lose_and_restore(self) -> float:
        stage = self._stage
        await stage.server.kill()
        await asyncio.to_thread(_empty, stage.data)
        begun = now()
        await self._farhand_server("restore", self._file)
        stage.server.start()
        return now() - begun

    async def _judge(
        self,
        known: list[JobHistory],
        later: list[JobHistory],
        backup_seconds: float,
        restore_seconds: float,
    ) -> Rescued:
        after = self._start(1, COUNT)
        await self._operators.finish(STEP_SECONDS, all_online=lambda: True)
        await read_ledger(
            [*known, *after],
            self._operators.client,
            state=self._stage.data / "farhand.db",
            witness=self._stage.witness,
        )
        violations = [*judge([*known, *after]), *self._twice(later)]
        violations += [Violation(kind=Broken.LEFT, text=text) for text in self._complaints]
        return Rescued(
            histories=[*known, *later, *after],
            violations=violations,
            backup_seconds=backup_seconds,
            restore_seconds=restore_seconds,
        )

    def _twice(self, later: Iterable[JobHistory]) -> list[Violation]:
        """The restored server knows nothing of them; the witness does."""
        sworn = oaths(self._stage.witness)
        found = []
        for history in later:
            history.oaths = sworn.get(history.job, [])
            if (count := history.executions()) > 1:
                text = f"was executed {count} times, and had been started after the backup"
                found.append(Violation(kind=Broken.EXTRA, job=history.job, text=text))
        return found

    def _start(self, count: int, runbook: Runbook, *, code: int = LAST) -> list[JobHistory]:
        task = Task(runbook=runbook, lines=LINES, pause_seconds=0.01, code=code)
        return [
            self._operators.begin(
                Submission(
                    at=0.0,
                    job=str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
                    task=task,
                    is_followed=runbook is GATED,
                )
            )
            for _ in range(count)
        ]

    def _wait_at_gate(self, histories: Iterable[JobHistory]) -> bool:
        sworn = oaths(self._stage.witness)
        return all(any(o.block == LINES // 2 for o in sworn.get(h.job, ())) for h in histories)

    def _open_gate(self, code: int) -> None:
        self._stage.witness.with_name(f"{self._stage.witness.name}.gate{code}").touch()

    @property
    def _file(self) -> str:
        return str(self._stage.root / "backup")

    async def _farhand_server(self, *words: str) -> float:
        """Seconds that it took."""
        begun = now()
        process = await asyncio.create_subprocess_exec(
            *self._stage.command("farhand-server", *words, "--data", str(self._stage.data)),
            env=self._stage.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode:
            self._complaints.append(f"farhand-server {words[0]}: {said.decode()[-300:]}")
        return now() - begun

    async def _until(self, what: str, true: Callable[[], bool]) -> None:
        until = now() + STEP_SECONDS
        while not true():
            if now() > until:
                raise TimeoutError(f"waited {STEP_SECONDS:.0f} s in vain until {what}")
            await asyncio.sleep(0.1)


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
