"""A figure, its floor, and how they are shown."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing. `ratio` is value / floor, or floor / value where more is better."""

    name: str
    value: float
    unit: str
    #: What the same work costs without Farhand; None where there is no such thing.
    floor: float | None = None
    floor_name: str = ""
    aim: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(figures: Sequence[Figure]) -> str:
    """Markdown, as in the README."""
    rows = [("figure", "measured", "floor", "ratio", "aim"), ("---", "--:", "--:", "--:", "---")]
    for figure in figures:
        floor = "" if figure.floor is None else f"{figure.floor:,.2f} {figure.unit}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}×"
        name = f"{figure.name} ({figure.note})" if figure.note else figure.name
        rows.append((name, f"{figure.value:,.2f} {figure.unit}", floor, ratio, figure.aim))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def as_json(figures: Sequence[Figure]) -> str:
    return json.dumps([{**asdict(figure), "ratio": figure.ratio} for figure in figures], indent=1)
