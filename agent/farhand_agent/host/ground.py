"""On which ground sandboxes stand: a directory on tmpfs that is ours alone, or else the disk."""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from farhand_agent.host.folder import NotOurs, own_directory, passable
from farhand_agent.host.mounts import my_mounts


def sandbox_root(
    state: Path,
    *,
    environ: Mapping[str, str],
    filesystem: "Callable[[Path], str] | None" = None,
    group: int | None = None,
) -> Path:
    """Where the sandboxes of this state directory live: always the same place for the same one.

    The first of /run/farhand-agent, $XDG_RUNTIME_DIR/farhand-agent and /dev/shm/farhand-agent-UID
    that is on tmpfs and ours; else `<state>/sandbox`.
    """
    kind = filesystem or filesystem_type
    state = state.resolve()
    name = sha256(os.fsencode(state)).hexdigest()[:16]
    for ground in _candidates(environ):
        if kind(ground.parent) == "tmpfs" and _stand_on(ground, group):
            return ground / name
    return state / "sandbox"


def _candidates(environ: Mapping[str, str]) -> list[Path]:
    found = [Path("/run/farhand-agent")]
    if environ.get("XDG_RUNTIME_DIR", "").startswith("/"):
        found.append(Path(environ["XDG_RUNTIME_DIR"]) / "farhand-agent")
    return [*found, Path(f"/dev/shm/farhand-agent-{os.geteuid()}")]


def _stand_on(ground: Path, group: int | None) -> bool:
    try:
        mode = 0o700 if group is None else 0o710
        own_directory(ground, mode=mode | passable(), group=group)
    except (NotOurs, OSError):
        return False
    return True


def filesystem_type(path: Path) -> str:
    """Type of the file system that holds `path`, as the kernel names it; empty if unknown."""
    target, best, kind = path.resolve(), 0, ""
    for mount in my_mounts():
        # A later mount on the same point hides the earlier one.
        if target.is_relative_to(mount.point) and len(mount.point.parts) >= best:
            best, kind = len(mount.point.parts), mount.type
    return kind
