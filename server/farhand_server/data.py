"""The data directory: what lies in it, who may read it, and that one server uses it."""

import contextlib
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from farhand_server.errors import StartError


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Names of everything that a server keeps."""

    path: Path

    @property
    def ca_certificate(self) -> Path:
        return self.path / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.path / "ca.key"

    @property
    def certificate(self) -> Path:
        return self.path / "server.pem"

    @property
    def key(self) -> Path:
        return self.path / "server.key"

    @property
    def master_key(self) -> Path:
        return self.path / "master.key"

    @property
    def new_master_key(self) -> Path:
        """The next master key, while it takes the place of the other."""
        return self.path / "master.key.new"

    @property
    def settings(self) -> Path:
        return self.path / "server.toml"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def state(self) -> Path:
        return self.path / "farhand.db"

    @property
    def output(self) -> Path:
        return self.path / "output.db"

    @property
    def cloud(self) -> Path:
        """What the control plane's own worker keeps: not in the data, which its user may not
        enter."""
        return self.path.with_name(f"{self.path.name}-cloud")

    @property
    def secrets_and_settings(self) -> tuple[Path, ...]:
        """Everything worth keeping beside the databases."""
        return (
            self.ca_certificate,
            self.ca_key,
            self.certificate,
            self.key,
            self.settings,
            self.master_key,
        )

    def check(self) -> None:
        """Raises StartError unless `init` made it and its secrets are the owner's alone."""
        if not self.master_key.exists():
            raise StartError(
                f"{self.path} holds no server",
                do=f"make one with: farhand-server init --data {self.path}",
            )
        for secret in (self.master_key, self.key, self.ca_key):
            if not secret.exists() and secret == self.ca_key:
                continue  # kept elsewhere: certificates come from there, too
            mode = stat.S_IMODE(secret.stat().st_mode)
            if mode & 0o077:
                raise StartError(
                    f"{secret} can be read by others (mode {mode:04o})",
                    do=f"chmod 600 {secret}, and think about who may have read it",
                )


def claim(path: Path) -> DataDirectory:
    """An empty directory for a new server, made if it is not there. Raises StartError."""
    data = DataDirectory(path)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise StartError(
            f"{path} cannot be used ({error.strerror})", do="choose another --data"
        ) from error
    if data.master_key.exists():
        raise StartError(
            f"{path} holds a server already",
            do=f"start it with: farhand-server run --data {path}",
        )
    if found:
        raise StartError(
            f"{path} is not empty ({', '.join(found[:3])})",
            do="empty it, or choose another --data",
        )
    path.chmod(0o700)
    return data


def write_new(path: Path, content: bytes) -> None:
    """Makes a file that must not exist, for its owner alone, durably."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Puts a file in the place of another; readers see the one or the other."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    write_new(fresh, content)
    os.rename(fresh, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Names in a directory survive a loss of power, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Lock:
    """Held by the one server of a data directory; the kernel gives it back when that dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        """Raises StartError, naming the other server."""
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = _named(self._descriptor)
            os.close(self._descriptor)
            raise StartError(
                f"another server (process {process}) uses {self._path.parent}", do="stop it first"
            ) from None
        with contextlib.suppress(OSError):
            # A full disk must not keep a server from its data; only its number is missing then.
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def holder(path: Path) -> str | None:
    """The process that holds a lock; None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _named(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
