"""Pages that name tests: a name that leads nowhere would be an empty promise."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cited(page: Path) -> list[tuple[str, str]]:
    """Files and names of the tests on a page, each once."""
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())))


def defined(file: Path) -> set[str]:
    """What a test file calls a test: functions, classes, and machines that are assigned."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in found if name.startswith(("test_", "Test"))}


def broken_links(page: Path) -> list[str]:
    """Files that a page links to and that are not there."""
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text())
    assert links
    return [link for link in links if not (page.parent / link).exists()]
