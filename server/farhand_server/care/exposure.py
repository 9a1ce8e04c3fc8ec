"""Who could read what: modes of files, and whether secrets are sealed as they should be."""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from farhand_server.care.finding import Finding, fail, warn
from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.master_key import current
from farhand_server.secrets import MasterKey, digest
from farhand_server.store import sqlite

_STEP = 1024 * 1024


def files(data: DataDirectory) -> Iterator[Finding]:
    """The user, the directory, and everything in it."""
    yield _user(data.path)
    yield _modes(data)


def _user(path: Path) -> Finding:
    owner, own = path.stat().st_uid, os.geteuid()
    if owner != own:
        do = f"run the server and its commands as {_name(owner)}"
        return warn("user", f"{path} belongs to {_name(owner)}, this is {_name(own)}", do)
    if own == 0:
        do = "give the server a user of its own: only to run the group cloud it must be root"
        return warn("user", "the server's data belongs to root", do)
    return Finding(name="user", text=_name(own))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _modes(data: DataDirectory) -> Finding:
    wide = [path for path in (data.path, *sorted(data.path.iterdir())) if _is_wide(path)]
    if not wide:
        return Finding(name="files", text=f"{data.path} and all in it are its owner's alone")
    text = ", ".join(f"{path} ({stat.S_IMODE(path.lstat().st_mode):04o})" for path in wide)
    do = f"chmod -R go= {data.path}, and think about who may have read it"
    return fail("files", f"others may look into {text}", do)


def _is_wide(path: Path) -> bool:
    seen = path.lstat()
    return not stat.S_ISLNK(seen.st_mode) and bool(seen.st_mode & 0o077)


def sealing(data: DataDirectory) -> Finding:
    """Whether what is kept sealed can be opened here, and cannot be read without the master key.
    Raises StartError."""
    master = current(data).read_bytes()
    box, plain = MasterKey(master), [master]
    keys = sqlite.account_keys(data.state)
    for key in keys:
        secret = box.open_key(key)
        if digest(secret) != key.hash:
            raise StartError(
                f"the {key.slot.value} key of account {key.account} is not the one that is let in",
                do=f"farhand key regenerate {key.slot.value}",
            )
        plain.append(secret.encode())
    for path in (data.state, data.state.with_name(f"{data.state.name}-wal")):
        if path.exists() and _holds(path, plain):
            do = "somebody put it there: make new keys (farhand key regenerate), and find out who"
            return fail("sealing", f"{path} holds a secret in clear", do)
    return Finding(name="sealing", text=f"{len(keys)} account keys, sealed; the master key opens")


def _holds(path: Path, secrets: list[bytes]) -> bool:
    overlap = max(map(len, secrets))
    held = b""
    with path.open("rb") as file:
        while block := file.read(_STEP):
            held = held[-overlap:] + block
            if any(secret in held for secret in secrets):
                return True
    return False
