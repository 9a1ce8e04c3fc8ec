"""What goes wrong, in the words of the person who reads it: what, why, and what to do next."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from farhand_cli.words import plain


class Violation(NamedTuple):
    """One field of a request that was refused."""

    field: str
    description: str


class Failure(Exception):
    """A request that was refused or that failed; ends the command with exit code 1."""

    def __init__(
        self,
        message: str,
        *,
        why: str = "",
        do: Sequence[str] = (),
        violations: Sequence[Violation] = (),
        code: str = "failed",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.do = tuple(do)
        self.violations = tuple(violations)
        #: For programs: stable, in lower case.
        self.code = code

    @property
    def silent(self) -> bool:
        """Nobody answered."""
        return self.code == "unavailable"

    def with_steps(self, steps: Sequence[str]) -> Self:
        """The same, with more to do."""
        self.do += tuple(steps)
        return self

    def lines(self) -> list[str]:
        """For people: `error:`, one line for each violation, `why:`, `do:`."""
        # A single violation is usually the message itself.
        told = [
            each for each in self.violations if f"{each.field} {each.description}" != self.message
        ]
        width = max((len(violation.field) for violation in told), default=0)
        lines = [f"error: {plain(self.message)}"]
        lines += [f"  {plain(field).ljust(width)}  {plain(text)}".rstrip() for field, text in told]
        if self.why:
            lines.append(f"  why: {plain(self.why)}")
        lines += [f"  do:  {plain(step)}" for step in self.do]
        return lines

    def fields(self) -> dict[str, object]:
        """For programs: the same as one JSON object."""
        return {
            "code": self.code,
            "message": self.message,
            "why": self.why,
            "do": list(self.do),
            "violations": [violation._asdict() for violation in self.violations],
        }
