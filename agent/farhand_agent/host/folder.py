"""Directories: ours alone, locked by who uses them, removed whatever is in them."""

import fcntl
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


class NotOurs(Exception):
    """A directory that must be ours alone is not."""


def own_directory(path: Path, *, mode: int = 0o700, group: int | None = None) -> None:
    """Make a directory, or make sure that it is one, ours, with this mode. Raises NotOurs; OSError
    if it cannot be made."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise NotOurs(f"{path} exists and is not a directory of user {os.geteuid()}")
    if group is not None and status.st_gid != group:
        os.chown(path, -1, group)
    if stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)


def passable() -> int:
    """What the mode of a folder needs so that scripts of other users get to what is theirs below
    it: only where we may run any."""
    return 0o011 if os.geteuid() == 0 else 0


def lock_folder(path: Path) -> int | None:
    """A descriptor that locks a folder while it is open; None if a living process has locked it, or
    there is no such folder."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def remove_tree(path: Path) -> None:
    """Remove a directory whatever a script made of it; what cannot be removed stays."""
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
    shutil.rmtree(path, ignore_errors=True)
