"""The link as its launcher sees it: a child without rights, started again when it dies."""

import os
import pwd
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from farhand_agent.host.backoff import Backoff
from farhand_agent.host.child import fork
from farhand_agent.host.linux import die_with_parent, forbid_inspection, name_process
from farhand_agent.host.loop import Loop

#: A link that ends with this has said why, and would end so again.
DO_NOT_RESTART = 3
#: SIGTERM to SIGKILL when the agent stops; jobs do not need a link to go on.
_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom the link becomes."""

    name: str
    uid: int
    gid: int


def user_named(name: str) -> User | None:
    """None if we may not become another user, or there is no such one."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return User(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


class LinkProcess:
    """Forks the link; it gets the reading end of a pipe on which a byte says "look again"."""

    def __init__(
        self,
        loop: Loop,
        main: Callable[[int], int],
        *,
        load: Callable[[], None],
        user: User | None,
        over: Callable[[int], None],
        log: Callable[[str], None],
    ) -> None:
        """`over` is called with the launcher's exit code when there will be no link any more."""
        self._loop = loop
        self._main = main
        self._load = load
        self._user = user
        self._over = over
        self._log = log
        self._backoff = Backoff()
        self._pid = 0
        self._hints: int | None = None
        self._born = 0.0
        self._stopping = False

    def start(self) -> None:
        if self._stopping:
            return
        self._born = self._loop.clock()
        try:
            self._fork()
        except OSError as error:
            self._again(f"the link cannot be started: {error}")

    def _fork(self) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        launcher = os.getpid()
        self._hints = writer
        try:
            self._pid = fork(lambda: self._live(launcher, reader), keep={reader})
        finally:
            os.close(reader)

    def hint(self) -> None:
        """Tell it that there is a runner which it may not know."""
        if self._hints is not None:
            with suppress(OSError):  # full, so it was told already; or broken, so it will look
                os.write(self._hints, b"\n")

    def stop(self) -> None:
        """Ask it to end; insist when it does not."""
        self._stopping = True
        if self._pid == 0:
            self._over(0)
            return
        os.kill(self._pid, signal.SIGTERM)
        self._loop.after(_GRACE_SECONDS, self._insist)

    def ended(self, pid: int, status: int) -> bool:
        """A child of the launcher has ended; whether it was the link."""
        if pid != self._pid:
            return False
        self._pid = 0
        code = os.waitstatus_to_exitcode(status)
        if self._stopping or code == 0:
            self._over(0)
        elif code == DO_NOT_RESTART:
            self._over(code)
        else:
            self._again(f"the link ended with {code}")
        return True

    def _again(self, why: str) -> None:
        if self._hints is not None:
            os.close(self._hints)
            self._hints = None
        wait = self._backoff.after(self._loop.clock() - self._born)
        self._log(f"{why}; starting it again in {wait:.1f} s")
        self._loop.after(wait, self.start)

    def _insist(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)

    def _live(self, launcher: int, hints: int) -> int:
        name_process("farhand-link")
        # Ctrl-C reaches the whole foreground; the launcher alone decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # While it may still read where the agent is installed.
        self._load()
        if self._user is not None:
            os.initgroups(self._user.name, self._user.gid)
            os.setresgid(self._user.gid, self._user.gid, self._user.gid)
            os.setresuid(self._user.uid, self._user.uid, self._user.uid)
        # It passes secrets on: no job of the same user may find them, and no core dump keep them.
        forbid_inspection()
        # At once, or a new launcher's link would meet this one.
        die_with_parent(signal.SIGKILL)
        if os.getppid() != launcher:
            return 0
        return self._main(hints)
