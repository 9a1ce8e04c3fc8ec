"""Runners forked ahead: a job must never wait for a fork."""

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from farhand_agent.host.backoff import Backoff
from farhand_agent.host.child import fork
from farhand_agent.host.door import listen, listen_at
from farhand_agent.host.host import Host
from farhand_agent.host.loop import Loop, Timer
from farhand_agent.host.runner import SPARE
from farhand_agent.host.serve import serve_jobs

#: Runners that wait for a job. Each costs some megabytes.
WANTED = 2
#: So many may wait for long ...
MOST = 4
#: ... and what a burst of jobs has left above that is let go after this.
BURST_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class _Runner:
    channel: socket.socket
    born: float
    spare: bool = True


class Spares:
    """The runners of this launcher, by process number. It never knows what they run."""

    def __init__(
        self, loop: Loop, host: Host, *, ready: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        """`ready` is called whenever one has become a spare."""
        self._loop = loop
        self._host = host
        self._ready = ready
        self._log = log
        self._backoff = Backoff()
        self._runners: dict[int, _Runner] = {}
        self._trim: Timer | None = None

    def __contains__(self, pid: int) -> bool:
        return pid in self._runners

    def fill(self) -> None:
        """Fork until enough wait."""
        while self._count() < WANTED:
            try:
                self._fork()
            except OSError as error:
                wait = self._backoff.after(0)
                self._log(f"no runner can be started: {error}; trying again in {wait:.1f} s")
                self._loop.after(wait, self.fill)
                return
            self._ready()

    def ended(self, pid: int, status: int) -> bool:
        """A child of the launcher has ended; whether it was one of these."""
        runner = self._runners.pop(pid, None)
        if runner is None:
            return False
        self._loop.forget(runner.channel.fileno())
        runner.channel.close()
        if status == 0:
            self.fill()
        else:
            wait = self._backoff.after(self._loop.clock() - runner.born)
            self._loop.after(wait, self.fill)
        return True

    def _count(self) -> int:
        return sum(runner.spare for runner in self._runners.values())

    def _fork(self) -> None:
        sandbox = self._host.sandbox
        ours, theirs = socket.socketpair()
        with (
            closing(theirs),
            closing(sandbox.new_home()) as home,
            closing(listen(home, sandbox)) as listener,
            closing(listen_at(home.job_socket)) as job_listener,
        ):
            pid = fork(
                lambda: serve_jobs(self._host, home, listener, job_listener, theirs),
                keep={home.lock, listener.fileno(), job_listener.fileno(), theirs.fileno()},
            )
        ours.setblocking(False)
        self._runners[pid] = _Runner(channel=ours, born=self._loop.clock())
        self._loop.watch(ours.fileno(), lambda: self._told(pid))

    def _told(self, pid: int) -> None:
        runner = self._runners[pid]
        try:
            said = runner.channel.recv(64)
        except OSError:
            said = b""
        if not said:
            # It is ending; its exit code says the rest.
            self._loop.forget(runner.channel.fileno())
            runner.spare = False
            return
        runner.spare = said.endswith(SPARE)
        if runner.spare:
            self._ready()
        if self._trim is None and self._count() > MOST:
            self._trim = self._loop.after(BURST_SECONDS, self._let_go)
        self.fill()

    def _let_go(self) -> None:
        """Without its channel a runner ends as soon as it has no job."""
        self._trim = None
        for runner in list(self._runners.values()):
            if runner.spare and self._count() > MOST:
                runner.spare = False
                runner.channel.shutdown(socket.SHUT_RDWR)
