"""Commands and modules for scripts, where every user can read them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import farhand_agent

#: Of the commands: replaced by an interpreter that this host has.
_SHEBANG = b"#!/usr/bin/env -S python3 -I\n"


def place_sdk(to: Path, *, python: str | None) -> None:
    """Copies them below `to`, over what an agent before has left there; scripts that run go on with
    what they have. `python` runs the commands; None: that of the agent. Raises OSError."""
    interpreter = python or sys.executable
    cargo = Path(farhand_agent.__file__).parent / "sdk"
    for path in _files(cargo):
        content, mode = (cargo / path).read_bytes(), 0o644
        if content.startswith(_SHEBANG):
            content = f"#!{interpreter} -I\n".encode() + content.removeprefix(_SHEBANG)
            mode = 0o755
        for folder in reversed(path.parents):
            (to / folder).mkdir(mode=0o755, exist_ok=True)
            (to / folder).chmod(0o755)
        _replace(to / path, content, mode)


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root)


def _replace(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.chmod(mode)
    os.replace(fresh, path)
