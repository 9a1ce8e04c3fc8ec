"""What a look at a server found, as people read it."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Level(enum.Enum):
    """How bad it is."""

    OK = "ok"
    #: Works, but somebody should look.
    WARN = "warn"
    #: Does not work, or is not safe.
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; `do` says what helps."""

    name: str
    text: str
    level: Level = Level.OK
    do: str = ""

    def __str__(self) -> str:
        line = f"{self.level.value:<4}  {self.name:<12}  {self.text}"
        return f"{line}\n{'do:':>10}  {self.do}" if self.do else line


def warn(name: str, text: str, do: str) -> Finding:
    return Finding(name=name, text=text, level=Level.WARN, do=do)


def fail(name: str, text: str, do: str) -> Finding:
    return Finding(name=name, text=text, level=Level.FAIL, do=do)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether anything does not work."""
    return any(finding.level is Level.FAIL for finding in findings)
