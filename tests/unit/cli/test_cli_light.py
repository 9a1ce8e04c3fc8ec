"""The command must be quick to start: help and completion load neither grpc nor protobuf."""

import os
import subprocess
import sys

import pytest

HEAVY = ("grpc", "google.protobuf", "rich", "yaml", "cryptography", "asyncio")
SCRIPT = f"""
import sys
sys.argv = ["farhand", *sys.argv[1:]]
from farhand_cli.__main__ import main
try:
    main()
finally:
    heavy = [name for name in {HEAVY!r} if name in sys.modules]
    print("loaded:", *heavy, file=sys.stderr)
"""


def loaded(*words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["job", "--help"], ["start", "--help"], ["completion", "bash"]],
)
def test_help_and_completion_load_nothing_heavy(words: list[str]) -> None:
    assert loaded(*words) == "loaded:"


def test_a_tab_loads_nothing_heavy() -> None:
    tab = {"_FARHAND_COMPLETE": "bash_complete", "COMP_WORDS": "farhand jo", "COMP_CWORD": "1"}

    assert loaded(**tab) == "loaded:"
