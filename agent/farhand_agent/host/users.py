"""Whom a user name of a job means on this host: `user`, `domain\\user` or `user@domain`."""

import os
import pwd
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOCAL = Path("/etc/passwd")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUser:
    """A user of this host, with the groups that it is in."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    login_shell: str

    @property
    def environment(self) -> dict[str, str]:
        """What a script that runs as this user sees of it."""
        return {
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "SHELL": self.login_shell,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A name, taken apart. Without a domain, or with this host's own name or `.` for it, it is a
    local one; any other domain must be known to the host's directory services."""

    plain: str
    domain: str = ""

    @classmethod
    def of(cls, name: str, *, host: str) -> "Wanted":
        domain, backslash, plain = name.partition("\\")
        if not backslash:
            plain, _, domain = name.rpartition("@")
        if not (plain and domain):
            plain, domain = name, ""
        own = {".", host.lower(), host.lower().partition(".")[0]}
        return cls(plain=plain, domain="" if domain.lower() in own else domain)

    @property
    def spellings(self) -> tuple[str, ...]:
        """How directory services may know it: winbind by the first, sssd by either."""
        if not self.domain:
            return (self.plain,)
        return (f"{self.domain}\\{self.plain}", f"{self.plain}@{self.domain}")


def find_user(
    name: str,
    *,
    host: str = "",
    local: Path = _LOCAL,
    ask: Callable[[str], pwd.struct_passwd] = pwd.getpwnam,
) -> JobUser | None:
    """The user; None if this host knows none of that name. May wait for a directory service.

    `host` is the host's own name, by default that of this machine. A name with a domain is never
    that of a local user who only has the same plain name: `CORP\\root` is not root.
    """
    wanted = Wanted.of(name, host=host or socket.gethostname())
    for spelling in wanted.spellings:
        with suppress(KeyError, ValueError):
            entry = ask(spelling)
            if not wanted.domain or not _is_local(wanted.plain, entry.pw_uid, local):
                return JobUser(
                    name=entry.pw_name,
                    uid=entry.pw_uid,
                    gid=entry.pw_gid,
                    groups=tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)),
                    home=entry.pw_dir or "/",
                    login_shell=entry.pw_shell or "/bin/sh",
                )
    return None


def unknown(name: str) -> str:
    """Why a job cannot run as a user that the host does not know."""
    return f'no user "{name}" on this host'


def unanswered(name: str) -> str:
    """Why a job cannot run as a user that could not be looked up in time."""
    return f'user "{name}" could not be looked up: the directory service does not answer'


def not_root(name: str) -> str:
    """Why an agent of an ordinary user runs nothing as somebody else."""
    return f'the agent does not run as root, so it cannot run a job as user "{name}"'


def _is_local(plain: str, uid: int, local: Path) -> bool:
    """Whether that is the number of the local user of this plain name."""
    with suppress(OSError):
        for line in local.read_text(errors="replace").splitlines():
            found, _, number, *_ = [*line.split(":"), "", "", ""]
            if found == plain and number == str(uid):
                return True
    return False
