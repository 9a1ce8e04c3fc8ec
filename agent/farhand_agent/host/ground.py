"""Where the root half keeps what it needs: sandboxes in a directory on tmpfs that is ours alone, or
else on the disk, and the rest on the disk."""

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
    that is on tmpfs and ours; else `sandbox` in the root half's part of the state directory.
    """
    kind = filesystem or filesystem_type
    state = state.resolve()
    name = sha256(os.fsencode(state)).hexdigest()[:16]
    for ground in _candidates(environ):
        if kind(ground.parent) == "tmpfs" and _stand_on(ground, group):
            return ground / name
    return root_half(state) / "sandbox"


def root_half(state: Path) -> Path:
    """The root half's part of the state directory: spools, working directories, reserves, the lock.

    Root has it beside the state directory. That one may be the network half's, which must not be
    able to put something of its own in their place; and it lets nobody pass, while a script that
    runs as another user must get to its working directory. Of any other user's agent it is the
    state directory itself.
    """
    state = state.resolve()
    return state.with_name(f"{state.name}.jobs") if os.geteuid() == 0 else state


def own_root_half(state: Path) -> Path:
    """Make it if it is missing. Raises NotOurs, and OSError if it cannot be made."""
    part = root_half(state)
    if part != state.resolve():
        own_directory(part, mode=0o700 | passable())
    return part


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
