"""Small files that must be whole and on disk, or not there at all.

Started by root, the network half of the agent runs as user `farhand` where there is one; so what
root writes here belongs to whoever owns the state directory.
"""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from farhand_agent.errors import StateError


def service_user() -> int | None:
    """The user that the network half runs as when root starts the agent; None: there is none."""
    try:
        return pwd.getpwnam("farhand").pw_uid
    except KeyError:
        return None


def make_directory(path: Path) -> bool:
    """Makes the state directory, for us alone; whether it is new. Raises StateError."""
    try:
        new = not path.exists()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0 and (user := service_user()) is not None and _is_unowned(path):
            os.chown(path, user, -1)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError("Permission denied")
    except OSError as error:
        raise not_writable(path, error) from error
    check_private(path)
    return new


def not_writable(path: Path, error: OSError) -> StateError:
    """What to say when a file of the state directory cannot be written."""
    return StateError(
        f"the state directory {path} is not writable",
        why=f"{error.strerror or error}",
        do="run as its owner, or choose another one with --state",
    )


def check_private(path: Path) -> None:
    """Refuses what others may read or write, or own. Raises StateError."""
    status = path.lstat()
    kind = "directory" if stat.S_ISDIR(status.st_mode) else "file"
    if stat.S_ISLNK(status.st_mode):
        raise StateError(
            f"{path} is a symbolic link",
            why="the identity of a worker must not be moved by whoever can write beside it",
            do=f"put the {kind} itself there, or name another --state",
        )
    if status.st_uid not in (os.geteuid(), 0, service_user()):
        raise StateError(
            f"{path} belongs to user {status.st_uid}",
            why=f"this process runs as user {os.geteuid()}",
            do=f"run as its owner, or: chown {os.geteuid()} {path}",
        )
    if status.st_mode & 0o077:
        mode = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
        raise StateError(
            f"{path} is open to other users",
            why=f"its mode is {stat.S_IMODE(status.st_mode):04o}, and it guards this worker's key",
            do=f"chmod {mode:04o} {path}",
        )


def read_private(path: Path) -> bytes | None:
    """What the file holds, None if there is none. Raises StateError if others may read it."""
    try:
        check_private(path)
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(
            f"{path} cannot be read",
            why=f"{error.strerror or error}",
            do="run as the user who registered this worker",
        ) from error


def replace(path: Path, data: bytes) -> None:
    """The file holds `data` from now on, even after a power loss; never half of it."""
    fresh = _fresh(path)
    try:
        with suppress(FileNotFoundError):
            fresh.unlink()
        _write_synced(fresh, data)
        fresh.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise not_writable(path.parent, error) from error


def remove(path: Path) -> None:
    """The file is gone, and what who died left of a new one; it need not have been there."""
    for each in (path, _fresh(path)):
        with suppress(FileNotFoundError):
            each.unlink()


def _fresh(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _is_unowned(path: Path) -> bool:
    """New, or made by a root that died before it gave the directory away."""
    return path.stat().st_uid == 0 and not any(path.iterdir())


def _write_synced(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as writer:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
        writer.write(data)
        writer.flush()
        os.fsync(file)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
