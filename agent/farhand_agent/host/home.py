"""The folder of one runner. Whoever holds its lock serves it, so a dead runner is known at once."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from farhand_agent.host.folder import lock_folder, remove_tree

SOCKET = "sock"
#: The folder of what the script itself must read. It is the job's user's.
JOB = "job"
SCRIPT = f"{JOB}/script"
PARAMETERS = f"{JOB}/parameters.json"
#: Where it asks; the same one for each job of a runner.
JOB_SOCKET = "job.sock"
#: Names the process that serves the folder, and its control group.
RUNNER = "runner"
_NAME_BYTES = 128


class Home:
    """The folder of one runner, held: as long as this process lives, nobody else serves it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> "Home | None":
        """None if a living process holds it, or it is gone."""
        lock = lock_folder(path)
        return None if lock is None else cls(path, lock)

    @property
    def socket(self) -> Path:
        return self.path / SOCKET

    @property
    def job_socket(self) -> Path:
        """Where the script asks."""
        return self.path / JOB_SOCKET

    @property
    def script(self) -> Path:
        return self.path / SCRIPT

    @property
    def parameters(self) -> Path:
        return self.path / PARAMETERS

    @property
    def lock(self) -> int:
        """The descriptor that holds it; a forked child must keep it open."""
        return self._lock

    def close(self) -> None:
        """Close this process's descriptor; a forked child that kept its own holds on."""
        os.close(self._lock)

    def move(self, path: Path) -> None:
        """Rename, with all that is in it. Raises OSError if another attempt is there."""
        os.rename(self.path, path)
        self.path = path

    def write(self, name: str, data: bytes) -> None:
        """Create a file. Raises FileExistsError if it exists, and OSError where there is no room
        for all of it; then there is no such file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        file = os.open(name, flags, 0o600, dir_fd=self._lock)
        try:
            while data:
                data = data[os.write(file, data) :]
        except OSError:
            os.unlink(name, dir_fd=self._lock)
            raise
        finally:
            os.close(file)

    def make_job(self) -> None:
        """Make the folder for what the script must read. Raises OSError."""
        os.mkdir(JOB, 0o700, dir_fd=self._lock)

    def give_job(self, uid: int, gid: int) -> None:
        """Give it to the job's user, with all that is in it, and the socket; itself last, for from
        then on its files may be anything. Raises OSError."""
        names = [JOB_SOCKET, *(f"{JOB}/{name}" for name in os.listdir(self.path / JOB))]
        for name in (*names, JOB):
            os.chown(name, uid, gid, dir_fd=self._lock, follow_symlinks=False)

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None if there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def name_runner(self, pid: int, cgroup: str = "") -> None:
        """Write down who serves it, for a launcher that is not the runner's parent, and where all
        that it started is, for who has to end that without it. Raises OSError, but not where a
        name is there already: one takes the place of the other, also on a full disk."""
        file = os.open(RUNNER, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=self._lock)
        try:
            os.pwrite(file, f"{pid} {cgroup}".ljust(_NAME_BYTES).encode(), 0)
        finally:
            os.close(file)

    @property
    def cgroup(self) -> str:
        """The control group of who served it last; empty if there was none."""
        return (self.read(RUNNER) or b"").decode(errors="replace").partition(" ")[2].strip()

    @staticmethod
    def runner(path: Path) -> int | None:
        """The process that serves the folder; None if it is not known."""
        with suppress(OSError, ValueError):
            return int((path / RUNNER).read_text().partition(" ")[0])
        return None

    def clear(self) -> None:
        """Remove everything but the sockets and the name of who serves it."""
        for name in os.listdir(self._lock):
            if name == JOB:
                self._remove_job()
            elif name not in (SOCKET, JOB_SOCKET, RUNNER):
                self._remove(name)

    def remove(self) -> None:
        remove_tree(self.path)

    def _remove_job(self) -> None:
        for name in (SCRIPT, PARAMETERS):
            with suppress(OSError):
                os.unlink(name, dir_fd=self._lock)
        try:
            os.rmdir(JOB, dir_fd=self._lock)
        except OSError:  # the script has put something there, or has a name of its own
            remove_tree(self.path / JOB)

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._lock)
        except OSError:  # a directory, made by a script
            remove_tree(self.path / name)


def read_json(data: bytes | None) -> dict[str, Any]:
    """What a file of a home says; empty if it says nothing, as after a crash while writing."""
    try:
        value = json.loads(data or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
