"""The published promises name their tests; a name that leads nowhere would be an empty promise."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "promises.md"
NAMES = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())


def defined(file: Path) -> set[str]:
    """What a test file calls a test: functions, classes, and machines that are assigned."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in found if name.startswith(("test_", "Test"))}


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMES)), ids=lambda value: str(value))
def test_every_test_of_a_promise_exists(file: str, name: str) -> None:
    assert name in defined(ROOT / file)


def test_every_promise_has_a_test() -> None:
    promised, _, _ = PAGE.read_text().partition("### Last numbers")
    rows = [line for line in promised.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| what happens") and "---" not in row]

    assert len(rows) > 30
    assert [row for row in rows if "::" not in row] == []


def test_the_page_links_to_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text())

    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
