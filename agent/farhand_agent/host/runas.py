"""Run As: the user of a job is looked up without waiting for ever, and become only to start it.

A runner is root and has one thread. `posix_spawn` keeps the ids that it finds, and `execve` makes
the effective ones the saved ones: so the script can never be root again, and the runner can.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace

from farhand_agent.host import linux
from farhand_agent.host.child import fork
from farhand_agent.host.host import Host
from farhand_agent.host.users import JobUser, find_user, not_root, unanswered, unknown
from farhand_agent.host.work import Work

#: A directory service that needs longer than this counts as silent.
LOOKUP_SECONDS = 3.0

Find = Callable[[str], JobUser | None]


class CannotRunAs(Exception):
    """A job cannot run as its user here; why, for people."""


def as_whom(name: str, host: Host, work: Work | None) -> tuple[Host, str]:
    """The host as a script of this user sees it; and why it cannot run here, or nothing. Without a
    name it is the host as it is."""
    if not name:
        return host, ""
    try:
        user = look_up(name)
        _check_reach(user, host, work)
    except CannotRunAs as error:
        return host, str(error)
    except OSError as error:
        return host, f'this agent cannot run a job as user "{name}": {error.strerror}'
    return replace(host, user=user, environment={**host.environment, **user.environment}), ""


def look_up(name: str, *, find: Find = find_user, seconds: float = LOOKUP_SECONDS) -> JobUser:
    """In a child, which can be killed when it waits for an answer that does not come. Raises
    CannotRunAs, and OSError where there can be no child."""
    if os.geteuid() != 0:
        raise CannotRunAs(not_root(name))
    ours, theirs = socket.socketpair()
    with closing(ours):
        with closing(theirs):
            pid = fork(lambda: _answer(name, find, theirs), keep={theirs.fileno()})
        try:
            answer = _hear(ours, seconds)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if not answer:
        raise CannotRunAs(unanswered(name))
    found = json.loads(answer)
    if found is None:
        raise CannotRunAs(unknown(name))
    return JobUser(**{**found, "groups": tuple(found["groups"])})


@contextmanager
def acting_as(user: JobUser | None) -> Iterator[None]:
    """Be that user, with all of its groups; None: stay who we are. Raises OSError where this
    process may not."""
    if user is None:
        yield
        return
    own = os.getgroups()
    os.setgroups(user.groups)
    try:
        os.setresgid(user.gid, user.gid, 0)
        os.setresuid(user.uid, user.uid, 0)
        yield
    finally:
        _be_root_again(own)


def may_execute(user: JobUser, program: str) -> bool:
    """Whether the user gets to a program, and may run it."""
    with acting_as(user):
        return os.access(program, os.X_OK, effective_ids=True)


def _be_root_again(groups: list[int]) -> None:
    try:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)
        # A change of the effective user makes the kernel forget it.
        linux.forbid_inspection()
    except OSError as error:
        # No OSError: what was started meanwhile must not be taken for not started.
        raise RuntimeError("this runner cannot be root again") from error


def _check_reach(user: JobUser, host: Host, work: Work | None) -> None:
    """Raises CannotRunAs where folders above ours, which an administrator made, keep it out."""
    paths = [host.sandbox.root, *([] if work is None else [work.path.parent])]
    with acting_as(user):
        for path in paths:
            if not os.access(path, os.X_OK, effective_ids=True):
                raise CannotRunAs(
                    f'user "{user.name}" cannot get to {path}: each folder above it must let '
                    "others pass (chmod o+x)"
                )


def _answer(name: str, find: Find, asker: socket.socket) -> int:
    found = find(name)
    asker.sendall(json.dumps(None if found is None else asdict(found)).encode())
    return 0


def _hear(child: socket.socket, seconds: float) -> bytes | None:
    """All that it says until its end; None if that takes too long."""
    until = time.monotonic() + seconds
    data = b""
    with suppress(TimeoutError):
        while (left := until - time.monotonic()) > 0:
            child.settimeout(left)
            more = child.recv(65536)
            if not more:
                return data
            data += more
    return None
