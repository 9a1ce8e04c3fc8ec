"""A script on disk: its runbook name, its type, its bytes."""

import re
from pathlib import Path

from farhand_cli.failure import Failure
from farhand_wire import limits

TYPES = ("bash", "python", "powershell")
_ENDINGS = {".sh": "bash", ".bash": "bash", ".py": "python", ".ps1": "powershell"}
_INTERPRETERS = (
    (re.compile(rb"\b(ba|da)?sh\b"), "bash"),
    (re.compile(rb"\bpython[\d.]*\b"), "python"),
    (re.compile(rb"\b(pwsh|powershell)\b"), "powershell"),
)


def ending_of(type_: str) -> str:
    """What files of this type end in."""
    return next(ending for ending, named in _ENDINGS.items() if named == type_)


def read(path: Path) -> bytes:
    """The script. Raises Failure if it cannot be read or is larger than a runbook."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read", why=str(error.strerror), code="no_file") from error
    if len(content) > limits.RUNBOOK_BYTES:
        raise Failure(
            f"{path} has {len(content):,} bytes; a runbook holds {limits.RUNBOOK_BYTES:,}",
            do=["keep data out of the script, or split it"],
            code="runbook_too_large",
        )
    return content


def type_of(path: Path, content: bytes) -> str:
    """bash, python or powershell: from the ending, else from the first line. Raises Failure."""
    if known := _ENDINGS.get(path.suffix.lower()):
        return known
    first = content.split(b"\n", 1)[0]
    if first.startswith(b"#!"):
        for pattern, name in _INTERPRETERS:
            if pattern.search(first):
                return name
    raise Failure(
        f"what {path} is written in cannot be told",
        why="its name does not end in .sh, .py or .ps1, and its first line names no interpreter",
        do=["say it: --type bash, --type python or --type powershell"],
        code="unknown_type",
    )
