"""Whose events made a rule fail: a bug, but one that comes back with the next Hello."""

from collections import Counter
from collections.abc import Mapping

from farhand_server.errors import WorkerRefused
from farhand_server.model.identifiers import WorkerId

#: The first failure may be a coincidence.
FAILURES = 2


class Faults:
    """Counts by worker. Kept when everything volatile is forgotten, until the process ends."""

    def __init__(self) -> None:
        self._counts: Counter[WorkerId] = Counter()

    @property
    def counts(self) -> Mapping[WorkerId, int]:
        return self._counts

    def note(self, worker: WorkerId) -> None:
        """An event of this worker made a rule fail."""
        self._counts[worker] += 1

    def holds_back(self, worker: WorkerId) -> bool:
        """Whether it failed so often that an operator has to look."""
        return self._counts[worker] >= FAILURES

    def pardon(self, worker: WorkerId) -> None:
        """It may come back, and is counted anew."""
        del self._counts[worker]

    def check(self, worker: WorkerId, name: str) -> None:
        """Raises WorkerRefused."""
        if self.holds_back(worker):
            raise WorkerRefused(
                f"worker {name} is held back after {FAILURES} failures",
                why="what it said made a rule of the control plane fail, which is a bug there; "
                "its log has the details",
                do=f"an operator must look: farhand worker resume {name}",
            )
