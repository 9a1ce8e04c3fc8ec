"""The witness: a file outside the product in which every script writes what it is about to do."""

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


def now() -> float:
    """Seconds by the clock that scripts read as well."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oath:
    """One line: this attempt is about to print that block; 0: it was born."""

    attempt: int
    block: int
    #: Seconds; a script may cut hundredths off, so never later than it was.
    at: float


def oaths(file: Path) -> dict[str, list[Oath]]:
    """Everything that was sworn, by job, in the order of the file. Raises ValueError for a line
    that no script writes."""
    found: defaultdict[str, list[Oath]] = defaultdict(list)
    if file.exists():
        for line in file.read_text().splitlines():
            job, attempt, block, ms = line.split()
            oath = Oath(attempt=int(attempt), block=int(block), at=int(ms) / 1000)
            found[job].append(oath)
    return found
