"""Whom the control plane's own worker runs as: somebody who can read nothing of the server's."""

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: The first that the machine has.
NAMES = ("farhand-cloud", "nobody")
#: What the worker gets of the server's environment; the rest may hold secrets.
PASSED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
#: What must not be readable of the server's data.
HIDDEN = ("master.key", "server.key", "ca.key", "farhand.db", "output.db")


class Refused(Exception):
    """There will be no such worker, and why; one sentence each."""

    def __init__(self, what: str, *, why: str, do: str) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.do = do


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user without rights."""

    name: str
    uid: int
    gid: int

    def become(self) -> None:
        """For good, without any other group."""
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        os.umask(0o077)

    def environment(self, environ: Mapping[str, str], *, home: Path) -> dict[str, str]:
        """What its processes get."""
        passed = {name: environ[name] for name in PASSED if name in environ}
        return {**passed, "HOME": str(home), "USER": self.name, "LOGNAME": self.name}


def cloud_user() -> User:
    """Raises Refused if this process may not become somebody else, or there is nobody."""
    if os.geteuid() != 0:
        raise Refused(
            "the control plane has no worker of its own: it does not run as root",
            why="jobs would run as its own user, and could read its keys and databases",
            do="start it as root, or join a worker of another user: "
            "farhand token create --group cloud; with --no-cloud this is not said again",
        )
    for name in NAMES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return User(name=name, uid=found.pw_uid, gid=found.pw_gid)
    raise Refused(
        "the control plane has no worker of its own: there is no user for it",
        why=f"this machine has neither of {', '.join(NAMES)}",
        do=f"make one: useradd --system --shell /usr/sbin/nologin {NAMES[0]}",
    )


def give_folder(folder: Path, user: User) -> None:
    """A folder that is this user's alone, made if it is not there. Raises Refused."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        if seen.st_uid == 0 and stat.S_ISDIR(seen.st_mode):
            os.chown(folder, user.uid, user.gid, follow_symlinks=False)
            seen = folder.lstat()
    except OSError as error:
        raise Refused(
            f"{folder} cannot be made", why=str(error), do="look at the directory above it"
        ) from error
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != user.uid:
        raise Refused(
            f"{folder} is not a directory of user {user.name}",
            why=f"it belongs to user {seen.st_uid}",
            do=f"chown -R {user.name} {folder}, or move it away: the worker then registers anew",
        )


def check_hidden(data: Path, user: User) -> None:
    """Raises Refused if this process can look into the server's data or change it."""
    readable = [name for name in HIDDEN if os.access(data / name, os.R_OK)]
    if readable or os.access(data, os.R_OK) or os.access(data, os.W_OK):
        raise Refused(
            f"user {user.name} can read the control plane's data",
            why=f"{data}: {', '.join(readable) or 'its list of files'}",
            do=f"chmod -R go= {data}",
        )
