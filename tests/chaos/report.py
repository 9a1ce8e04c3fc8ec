"""What a run of `make chaos` has to say, for a terminal and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of equal length below a head."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = [f"\n== {self.title}"]
        for row in (self.head, *self.rows):
            cells = [
                cell.ljust(width) if number == 0 else cell.rjust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)

    def markdown(self) -> str:
        ruler = ("---", *("--:" for _ in self.head[1:]))
        rows = "\n".join(f"| {' | '.join(row)} |" for row in (self.head, ruler, *self.rows))
        return f"### {self.title}\n\n{rows}\n"


@dataclass(slots=True, kw_only=True)
class Report:
    """Tables in order, and everything that went wrong."""

    title: str
    tables: list[Table] = field(default_factory=list)
    #: One sentence for each broken promise.
    broken: list[str] = field(default_factory=list)
    #: Parts that should have run and could not.
    skipped: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.broken and not self.skipped

    def add(self, other: "Report") -> None:
        """Takes in the report of a part."""
        self.tables += other.tables
        self.broken += other.broken
        self.skipped += other.skipped

    def verdict(self) -> str:
        """The last word."""
        skipped = f"skipped: {', '.join(self.skipped) or 'none'}"
        if not self.broken:
            return f"every promise was kept; {skipped}"
        return f"{len(self.broken)} promises were BROKEN; {skipped}"

    def text(self) -> str:
        broken = [f"  BROKEN  {line}" for line in self.broken]
        return "\n".join([*(t.text() for t in self.tables), "", *broken, self.verdict()])

    def markdown(self) -> str:
        broken = "".join(f"- **broken**: {line}\n" for line in self.broken)
        tables = "\n".join(table.markdown() for table in self.tables)
        return f"## {self.title}\n\n{tables}\n{broken}\n{self.verdict().capitalize()}.\n"


def bound(trials: int, failures: int = 0) -> str:
    """What no failure in so many independent trials proves, with 95 % confidence."""
    if failures or trials <= 3:
        return "none"
    return f"< {300 / trials:.2g} %"


def seconds(values: Sequence[float], share: float) -> str:
    """The smallest of them that at least this share does not exceed."""
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.2f} s"
