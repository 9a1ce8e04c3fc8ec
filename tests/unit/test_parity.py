"""The page that compares Farhand to Azure names tests for every check that it passes."""

import re

import pytest
from tests.support.cited import ROOT, broken_links, cited, defined

PAGE = ROOT / "docs" / "parity.md"
ROWS = [
    [cell.strip() for cell in line.strip("|\n ").split(" | ")]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| \d", line)
]


@pytest.mark.parametrize(("file", "name"), cited(PAGE))
def test_every_test_of_a_check_exists(file: str, name: str) -> None:
    assert name in defined(ROOT / file)


def test_every_check_of_authoring_is_there_once_and_says_how_it_stands() -> None:
    # 35 to 37 are webhooks and schedules, 39 is signatures.
    assert [int(row[0]) for row in ROWS] == [*range(14, 35), 38, 40]
    for number, _, verdict, tests in ROWS:
        assert re.match(r"(Pass|Partly|Not there)\b", verdict), number
        assert "::" in tests or verdict.startswith("Not there"), number


def test_the_page_links_to_files_that_are_there() -> None:
    assert broken_links(PAGE) == []
