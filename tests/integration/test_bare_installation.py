"""A host that has only what an agent needs."""

import subprocess
import sys

import pytest

#: Hides modules as if they had never been installed.
WITHOUT = """
import sys
sys.modules.update({{name: None for name in {missing!r}}})
sys.argv = [{program!r}, "--help"]
from {module} import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("program", "module", "missing", "extra"),
    [
        ("farhand", "farhand_cli.__main__", ["click"], "farhand[cli]"),
        ("farhand-server", "farhand_server.command", ["structlog"], "farhand[server]"),
    ],
)
def test_a_command_that_is_not_installed_says_what_to_install(
    program: str, module: str, missing: list[str], extra: str
) -> None:
    script = WITHOUT.format(missing=missing, program=program, module=module)

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert extra in done.stderr


def test_the_agent_needs_neither_command_nor_server() -> None:
    missing = ["click", "structlog", "sqlite_utils", "yaml"]
    script = WITHOUT.format(
        missing=missing, program="farhand-agent", module="farhand_agent.__main__"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
