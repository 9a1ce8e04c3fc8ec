"""Build hook: turns the .proto files into Python with the pinned generator.

Nothing generated is in git; an editable install, a wheel and `make protos` all pass through here.
"""

import importlib.metadata
import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtoBuildHook(BuildHookInterface[Any]):
    """Generates beside each .proto its messages, stubs and type hints."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        check_toolchain(self.metadata.build.requires)
        generate(Path(self.root, "protos"))


def check_toolchain(requires: list[str]) -> None:
    """Refuses another generator than the pinned one: its code would demand newer runtimes."""
    for requirement in requires:
        pinned = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9.]+)", requirement)
        if pinned is None:
            continue
        name, wanted = pinned.groups()
        found = importlib.metadata.version(name)
        if found != wanted:
            raise RuntimeError(
                f"build needs {name}=={wanted}, found {name}=={found}; "
                "build in isolation (pip install without --no-build-isolation)"
            )


def generate(root: Path) -> None:
    """Writes `*_pb2.py`, `*_pb2.pyi`, `*_pb2_grpc.py` and `*_pb2_grpc.pyi` below `root`."""
    import grpc_tools
    from grpc_tools import protoc

    sources = sorted(str(path) for path in root.rglob("*.proto"))
    common = Path(grpc_tools.__file__).parent / "_proto"
    outputs = [f"--{kind}_out={root}" for kind in ("python", "pyi", "grpc_python", "mypy_grpc")]
    status = protoc.main(["protoc", f"-I{root}", f"-I{common}", *outputs, *sources])
    if status:
        raise RuntimeError(f"protoc ended with status {status}; its messages stand above")
