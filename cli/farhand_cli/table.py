"""Tables for people: aligned, quiet, one line a row, and the same without colour in a pipe."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import IO, Generic, Protocol, TypeVar

import click

from farhand_cli import words
from farhand_cli.words import State, Tone, plain

M = TypeVar("M")
GAP = "  "


class Moment(Protocol):
    """A protobuf Timestamp, as far as it matters here."""

    seconds: int
    nanos: int

    def ToDatetime(self, tzinfo: tzinfo | None = None) -> datetime: ...
    def ToJsonString(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one stream is spoken to."""

    #: True: a person reads it: relative times, short ids. False: a pipe: RFC 3339, whole ids.
    person: bool
    colour: bool
    width: int
    now: datetime

    @classmethod
    def of(cls, stream: IO[str], environment: Mapping[str, str], now: datetime) -> "Manner":
        """NO_COLOR and TERM=dumb are respected."""
        person = stream.isatty()
        dumb = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        width = shutil.get_terminal_size().columns
        return cls(person=person, colour=person and not dumb, width=width, now=now)

    def time(self, moment: Moment) -> str:
        """`2 min ago` for a person, RFC 3339 for a pipe, `-` if it never was."""
        if not moment.seconds:
            return "-"
        if not self.person:
            return moment.ToJsonString()
        return words.ago(moment.ToDatetime(tzinfo=UTC), self.now)

    def until(self, moment: Moment) -> str:
        """A moment to come, absolute for both."""
        if not moment.seconds:
            return "-"
        return words.local(moment.ToDatetime(tzinfo=UTC)) if self.person else moment.ToJsonString()

    def job(self, job_id: str) -> str:
        """Eight characters of a job id are enough for a person, and for a command."""
        return job_id[:8] if self.person else job_id


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a tone."""

    text: str
    tone: Tone | None = None

    @classmethod
    def of(cls, state: State) -> "Cell":
        repeated = state.word.startswith(state.mark)
        return cls(state.word if repeated else f"{state.mark} {state.word}", state.tone)


@dataclass(frozen=True)
class Column(Generic[M]):
    """One column of a list, or one line of a card."""

    title: str
    cell: Callable[[M, Manner], str | Cell]


def table(columns: Sequence[Column[M]], rows: Iterable[M], manner: Manner) -> list[str]:
    """The lines of a list, its header first."""
    titles = [Cell(column.title) for column in columns]
    grid = [titles, *([_cell(column, row, manner) for column in columns] for row in rows)]
    widths = [max(len(cell.text) for cell in cells) for cells in zip(*grid, strict=True)]
    return [_line(cells, widths, manner) for cells in grid]


def card(columns: Sequence[Column[M]], row: M, manner: Manner) -> list[str]:
    """The lines of one thing; what it does not have is left out."""
    cells = [(column.title, _cell(column, row, manner)) for column in columns]
    told = [(title, cell) for title, cell in cells if cell.text not in ("", "-")]
    width = max((len(title) for title, _ in told), default=0)
    return [f"{title.lower().ljust(width)}{GAP}{_styled(cell, manner)}" for title, cell in told]


def _cell(column: Column[M], row: M, manner: Manner) -> Cell:
    made = column.cell(row, manner)
    cell = made if isinstance(made, Cell) else Cell(made)
    return Cell(plain(cell.text) or "-", cell.tone)


def _line(cells: Sequence[Cell], widths: Sequence[int], manner: Manner) -> str:
    """Only the last cell is free text: it alone is cut where the terminal ends."""
    *first, last = cells
    padded = [
        _styled(cell, manner) + " " * (width - len(cell.text))
        for cell, width in zip(first, widths, strict=False)
    ]
    room = manner.width - sum(widths[:-1]) - len(GAP) * len(first)
    if manner.person and len(last.text) > room > len(GAP):
        last = Cell(f"{last.text[: room - 1]}…", last.tone)
    return GAP.join([*padded, _styled(last, manner)]).rstrip()


def _styled(cell: Cell, manner: Manner) -> str:
    if cell.tone is None or not manner.colour:
        return cell.text
    return click.style(cell.text, fg=cell.tone.value)
