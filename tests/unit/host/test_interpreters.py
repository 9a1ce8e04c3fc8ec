"""Which program runs a type of runbook: what was typed, what is in a variable, what is there."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from farhand_agent.host.interpreters import (
    Choice,
    Interpreter,
    choices,
    examine_interpreters,
    programs,
    unusable,
)


def program(path: Path, text: str = "#!/bin/sh\n") -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("flags", "environ", "chosen"),
    [
        ({}, {}, {}),
        ({}, {"FARHAND_AGENT_INTERPRETER_PYTHON": "/a"}, {"python": "/a"}),
        ({"python": "/b"}, {"FARHAND_AGENT_INTERPRETER_PYTHON": "/a"}, {"python": "/b"}),
        ({"bash": "/b"}, {"PYTHON_3_PATH": "/a"}, {"bash": "/b", "python": "/a"}),
        ({}, {"powershell_7_4_path": "/4", "powershell_7_2_path": "/2"}, {"powershell": "/4"}),
        ({}, {"POWERSHELL_7_2_PATH": "/2"}, {"powershell": "/2"}),
        ({}, {"python_3_10_path": "/10", "PYTHON_3_PATH": "/3"}, {"python": "/10"}),
        (
            {},
            {"powershell_7_4_path": "/4", "FARHAND_AGENT_INTERPRETER_POWERSHELL": "/a"},
            {"powershell": "/a"},
        ),
        ({}, {"FARHAND_AGENT_INTERPRETER_BASH": "", "PYTHON_2_PATH": "/2"}, {}),
    ],
)
def test_a_flag_wins_over_our_variable_and_that_over_azures(
    flags: Mapping[str, str], environ: Mapping[str, str], chosen: Mapping[str, str]
) -> None:
    assert programs(choices(flags, environ)) == chosen


def test_an_interpreter_says_its_version(tmp_path: Path) -> None:
    path = program(tmp_path / "pwsh", "#!/bin/sh\necho PowerShell 7.4.6\n")

    assert examine_interpreters({"powershell": path}) == [
        Interpreter(type="powershell", path=path, version="7.4.6")
    ]


def test_one_that_says_nothing_has_no_version(tmp_path: Path) -> None:
    path = program(tmp_path / "pwsh", "#!/bin/sh\nexit 1\n")

    assert examine_interpreters({"powershell": path})[0].version == ""


@pytest.mark.parametrize("text", ["", "#!/nowhere/at/all\n", "\x7fELF for another machine"])
def test_one_that_cannot_be_started_is_none(tmp_path: Path, text: str) -> None:
    assert examine_interpreters({"python": program(tmp_path / "python3", text)}) == []


def test_what_was_named_and_cannot_be_used_is_said_with_where_it_was_named() -> None:
    named = {
        "bash": Choice(program="/a", by="--interpreter bash=/a"),
        "python": Choice(program="/b", by="PYTHON_3_PATH=/b"),
    }

    assert list(unusable(named, [Interpreter(type="bash", path="/a")])) == [
        "this worker runs no python runbooks: /b cannot be executed; "
        "do: correct PYTHON_3_PATH=/b, or leave it out"
    ]
