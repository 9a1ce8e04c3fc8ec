"""Where attempts live on a host, and by which names: the journal that survives the agent.

    <sandbox>/journal                 a random name and the boot it is for: absence from the
                                      same journal proves that an attempt never started
    <sandbox>/spares/<id>/sock        a runner that waits for a job
    <sandbox>/<job>.<attempt>/        the same folder, renamed, once it has one:
        sock  runner                  where the link dials; who serves it
        grant                         what it was asked to run
        job/                          what the script itself reads, given to the user that it
                                      runs as: script, parameters.json
        started                       "ran", or "void" and why; created once, never changed
        pid                           the script's process and when the kernel started it
        spool.<offset>.<crc>          its output, see spool.py
    <sandbox>/sdk/                    commands and modules for scripts
    <state>/spool/<job>.<attempt>/    output that does not fit, or must survive a power loss;
                                      <state> is the root half's part of the state directory
    <state>/work/<pid>/               working directories of the scripts of one runner
    <state>/reserve/<pid>/            what this runner keeps of the disk for the end of its job

The sandbox is on tmpfs where there is one (a file costs 0.007 ms there and 0.35 ms on ext4). Who
serves a folder holds its lock; a folder without is nobody's, whatever its files say.
"""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from farhand_agent.host.folder import own_directory, passable
from farhand_agent.host.home import SOCKET, Home

ATTEMPT_MOST = 2**31 - 1
#: Longest name of a UNIX socket.
_SOCKET_BYTES = 107
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptId:
    """One attempt of one job. Raises ValueError for what must not become a path."""

    job_id: str
    attempt: int

    def __post_init__(self) -> None:
        if not isinstance(self.job_id, str) or not _JOB_ID.fullmatch(self.job_id):
            raise ValueError("a job id is a UUID in lower case")
        if type(self.attempt) is not int or not 1 <= self.attempt <= ATTEMPT_MOST:
            raise ValueError("an attempt is a number from 1")

    @property
    def folder(self) -> str:
        return f"{self.job_id}.{self.attempt}"

    @classmethod
    def of_folder(cls, name: str) -> "AttemptId | None":
        """The attempt that a folder's name names; None for any other name."""
        job_id, _, attempt = name.partition(".")
        if not attempt.isascii() or not attempt.isdecimal():
            return None
        try:
            found = cls(job_id=job_id, attempt=int(attempt))
        except ValueError:
            return None
        return found if found.folder == name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a runner listens; `attempt` is None for a spare."""

    socket: Path
    attempt: AttemptId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The folders of one agent. `group` may look and dial, but not read: that of the link's user
    when it is another one."""

    root: Path
    state: Path
    group: int | None = None

    def make(self, boot_id: str) -> None:
        """Create what is missing. Raises NotOurs, and OSError: so also where the path is so long
        that no socket can have a name below it.

        After another boot it is another journal: files that were not synced may be missing, so
        absence proves nothing any more, even where the sandbox stands on a disk.
        """
        longest = self.root / f"{'0' * 36}.{ATTEMPT_MOST}" / SOCKET
        if len(os.fsencode(longest)) > _SOCKET_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(self.root))
        listable = 0o700 if self.group is None else 0o750
        own_directory(self.root, mode=listable | passable(), group=self.group)
        own_directory(self.spares, mode=listable, group=self.group)
        # The link may ask whether a folder is there; a script must get to its own.
        own_directory(self.spools, mode=0o711)
        own_directory(self.state / "work", mode=0o711)
        own_directory(self.state / "reserve")
        if not self._journal.exists() or self._journal.read_text().split()[1:] != [boot_id]:
            fresh = self.root / ".journal"
            fresh.write_text(f"{os.urandom(16).hex()} {boot_id}")
            self.share(fresh, 0o600)
            os.rename(fresh, self._journal)

    @property
    def journal_id(self) -> str:
        return self._journal.read_text().split()[0]

    @property
    def spares(self) -> Path:
        return self.root / "spares"

    @property
    def sdk(self) -> Path:
        return self.root / "sdk"

    def new_spare(self) -> Path:
        """A name that no spare has."""
        return self.spares / os.urandom(8).hex()

    def new_home(self) -> Home:
        """A folder for a new spare runner, held by this process."""
        path = self.new_spare()
        self.own_home(path)
        home = Home.hold(path)
        if home is None:
            raise FileNotFoundError(path)
        return home

    def own_home(self, path: Path) -> None:
        """Make the folder of a runner, where the group may dial but not look, and a script may
        get to what is its own."""
        mode = 0o700 if self.group is None else 0o710
        own_directory(path, mode=mode | passable(), group=self.group)

    def attempt_path(self, attempt: AttemptId) -> Path:
        return self.root / attempt.folder

    @property
    def spools(self) -> Path:
        """Where the spools of all attempts go on, on disk."""
        return self.state / "spool"

    def overflow(self, attempt: AttemptId) -> Path:
        """Where the spool of an attempt goes on, on disk."""
        return self.spools / attempt.folder

    def reserve(self, pid: int) -> Path:
        """What one runner keeps of the disk."""
        return self.state / "reserve" / str(pid)

    def work(self, pid: int) -> Path:
        """The working directory of the scripts of one runner."""
        return self.state / "work" / str(pid)

    def runners(self) -> Iterator[int]:
        """Runners that have or had a folder in the state directory."""
        names = {*_names(self.state / "work"), *_names(self.state / "reserve")}
        yield from (int(name) for name in names if name.isdecimal())

    def attempts(self) -> Iterator[AttemptId]:
        """The journal: every attempt that this host knows."""
        for name in _names(self.root):
            if (attempt := AttemptId.of_folder(name)) is not None:
                yield attempt

    def restore(self) -> None:
        """Make the folders of attempts again that a reboot has taken with the memory they were in,
        where the disk has output of them."""
        for name in _names(self.spools):
            if AttemptId.of_folder(name) is not None:
                self.own_home(self.root / name)

    def forgotten(self) -> list[Path]:
        """Spools of attempts that this host does not know any more: whoever removed them died. None
        where the journal went as well, as when a session's end clears its shared memory: then what
        lies on the disk is all that is left of attempts, and the next start restores them."""
        if not self._journal.exists():
            return []
        return [
            self.spools / name
            for name in _names(self.spools)
            if AttemptId.of_folder(name) is not None and not (self.root / name).exists()
        ]

    def dead_spares(self) -> Iterator[Home]:
        """Folders of spares that died."""
        for name in _names(self.spares):
            if (home := Home.hold(self.spares / name)) is not None:
                yield home

    def addresses(self) -> list[Address]:
        """Where runners listen. A spare that takes a job meanwhile is listed as both, never as
        neither."""
        spares = [
            Address(socket=self.spares / name / SOCKET, attempt=None)
            for name in _names(self.spares)
        ]
        attempts = [
            Address(socket=self.root / name / SOCKET, attempt=attempt)
            for name in _names(self.root)
            if (attempt := AttemptId.of_folder(name)) is not None
        ]
        return spares + attempts

    def share(self, path: Path, mode: int) -> None:
        """Give the group the rights that `mode` gives the owner."""
        if self.group is None:
            path.chmod(mode)
        else:
            os.chown(path, -1, self.group)
            path.chmod(mode | (mode & 0o700) >> 3)

    @property
    def _journal(self) -> Path:
        return self.root / "journal"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except FileNotFoundError:
        return []
