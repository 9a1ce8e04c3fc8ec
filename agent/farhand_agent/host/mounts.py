"""What is mounted where, as the kernel tells this process."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount; `root` is the folder of the file system that is shown at `point`."""

    point: Path
    root: Path
    type: str
    options: frozenset[str]


def mounts(mountinfo: str) -> Iterator[Mount]:
    """The mounts of a /proc/PID/mountinfo, in its order: a later one hides an earlier one."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        _, _, _, root, point, *_ = left.split(" ")
        type_, _, options = right.split(" ", 2)
        yield Mount(
            point=Path(_plain(point)),
            root=Path(_plain(root)),
            type=type_,
            options=frozenset(options.split(",")),
        )


def my_mounts() -> Iterator[Mount]:
    return mounts(Path("/proc/self/mountinfo").read_text())


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), text)
