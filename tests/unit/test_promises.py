"""The published promises name their tests."""

import pytest
from tests.support.cited import ROOT, broken_links, cited, defined

PAGE = ROOT / "docs" / "promises.md"


@pytest.mark.parametrize(("file", "name"), cited(PAGE))
def test_every_test_of_a_promise_exists(file: str, name: str) -> None:
    assert name in defined(ROOT / file)


def test_every_promise_has_a_test() -> None:
    promised, _, _ = PAGE.read_text().partition("### Last numbers")
    rows = [line for line in promised.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| what happens") and "---" not in row]

    assert len(rows) > 30
    assert [row for row in rows if "::" not in row] == []


def test_the_page_links_to_files_that_are_there() -> None:
    assert broken_links(PAGE) == []
