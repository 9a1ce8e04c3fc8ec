import io
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from farhand_cli.table import Cell, Column, Manner, card, table
from farhand_cli.words import Tone

NOW = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
PIPE = Manner(person=False, colour=False, width=40, now=NOW)
PERSON = Manner(person=True, colour=True, width=40, now=NOW)

Row = tuple[str, str]
COLUMNS: tuple[Column[Row], ...] = (
    Column("STATE", lambda row, _: Cell(row[0], Tone.BAD)),
    Column("DETAILS", lambda row, _: row[1]),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_are_aligned() -> None:
    lines = table(COLUMNS, [("x failed", "a"), ("", "b")], PIPE)

    assert lines == ["STATE     DETAILS", "x failed  a", "-         b"]


def test_the_last_column_ends_where_the_terminal_does() -> None:
    lines = table(
        COLUMNS, [("failed", "x" * 50)], Manner(person=True, colour=False, width=20, now=NOW)
    )

    assert lines[1] == "failed  xxxxxxxxxxx…"


def test_nothing_is_cut_in_a_pipe() -> None:
    assert table(COLUMNS, [("failed", "x" * 50)], PIPE)[1].endswith("x" * 50)


def test_a_state_is_coloured_for_a_person_only() -> None:
    row = [("failed", "a")]

    assert "\x1b[31mfailed\x1b[0m" in table(COLUMNS, row, PERSON)[1]
    assert "\x1b" not in table(COLUMNS, row, PIPE)[1]


def test_a_cell_cannot_move_the_cursor() -> None:
    assert table(COLUMNS, [("a\x1b[2J", "b\nc")], PIPE)[1] == "a [2J  b c"


def test_a_card_leaves_out_what_is_not_there() -> None:
    assert card(COLUMNS, ("", "a"), PIPE) == ["details  a"]


def test_times_are_relative_for_people_and_exact_in_a_pipe() -> None:
    moment = Timestamp(seconds=int(NOW.timestamp()) - 120)

    assert PERSON.time(moment) == "2 min ago"
    assert PIPE.time(moment) == "2026-09-14T11:58:00Z"
    assert PIPE.time(Timestamp()) == "-"


def test_no_color_and_dumb_terminals_are_respected() -> None:
    assert Manner.of(Terminal(), {}, NOW).colour
    assert not Manner.of(Terminal(), {"NO_COLOR": "1"}, NOW).colour
    assert not Manner.of(Terminal(), {"TERM": "dumb"}, NOW).colour
    assert not Manner.of(io.StringIO(), {}, NOW).person
