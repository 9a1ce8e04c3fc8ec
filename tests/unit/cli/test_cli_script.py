from pathlib import Path

import pytest

from farhand_cli.failure import Failure
from farhand_cli.script import read, type_of
from farhand_wire import limits


@pytest.mark.parametrize(
    ("name", "content", "type_"),
    [
        ("a.sh", b"", "bash"),
        ("a.bash", b"", "bash"),
        ("a.PY", b"", "python"),
        ("a.ps1", b"", "powershell"),
        ("a", b"#!/usr/bin/env bash\n", "bash"),
        ("a", b"#!/bin/sh -e\n", "bash"),
        ("a", b"#!/usr/bin/python3.11\n\xff", "python"),
        ("a", b"#!/usr/bin/env -S python3 -u", "python"),
        ("a.txt", b"#!/usr/bin/pwsh\n", "powershell"),
    ],
)
def test_the_type_is_told_by_the_ending_or_the_first_line(
    name: str, content: bytes, type_: str
) -> None:
    assert type_of(Path(name), content) == type_


@pytest.mark.parametrize("content", [b"", b"echo bash", b"#!/usr/bin/perl\n# bash"])
def test_a_script_of_unknown_type_is_refused(content: bytes) -> None:
    with pytest.raises(Failure) as caught:
        type_of(Path("a"), content)

    assert caught.value.code == "unknown_type"


def test_a_script_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(b"#" * (limits.RUNBOOK_BYTES + 1))

    with pytest.raises(Failure, match="a runbook holds"):
        read(tmp_path / "a.sh")


def test_a_script_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        read(tmp_path / "a.sh")

    assert caught.value.why == "No such file or directory"
