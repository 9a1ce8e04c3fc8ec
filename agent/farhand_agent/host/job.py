"""One run of a script: from its exec to the end of the last process that it left."""

import enum
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from farhand_agent.host.cgroup import Cgroup
from farhand_agent.host.frost import Freezer, Frost
from farhand_agent.host.loop import Loop, Timer
from farhand_agent.host.masker import Masker
from farhand_agent.host.process import Process, descendants, processes, send, spawn
from farhand_agent.host.pump import Pump
from farhand_agent.host.runas import acting_as
from farhand_agent.host.spool import Spool
from farhand_agent.host.timeout import Timeout, in_words
from farhand_agent.host.users import JobUser
from farhand_wire.spool import Exit, Kind

#: SIGTERM to SIGKILL for what a script left behind when it ended.
_ORPHAN_SECONDS = 1.0
#: SIGKILL is repeated this often until nothing is left; new children may have come meanwhile.
_AGAIN_SECONDS = 0.05
#: Looks for processes that were forked behind the one before.
_LOOKS = 4
#: What outlives SIGKILL for so long (another user's process, a dead disk) is left alone.
_ABANDON_SECONDS = 5.0
#: After the last process has ended, a stranger may hold a pipe; it is waited for so long.
_DRAIN_SECONDS = 1.0


class Job:
    """A script and its descendants. Its process must adopt orphans, so that a process without
    children proves that nothing of the job is left."""

    def __init__(
        self,
        loop: Loop,
        spool: Spool,
        *,
        freezer: Freezer,
        moved: Callable[[], None],
        stood: Callable[[bool], None],
        ended: Callable[[], None],
        send: Callable[[int, list[Process]], None] = send,
        cgroup: Cgroup | None = None,
        masker: Masker | None = None,
    ) -> None:
        """`moved`: the spool has grown. `stood`: every process stands still (True), or goes on, as
        was asked. `ended`: its exit is in the spool, and nothing runs any more. `cgroup`: that of
        this process, if it has one. `masker` hides its secrets in what it writes."""
        self._loop = loop
        self._spool = spool
        self._moved = moved
        self._stood = stood
        self._ended = ended
        self._send = send
        self._cgroup = cgroup
        self._pump = Pump(loop, spool, masker=masker or Masker(), moved=self._pumped)
        self._phase = _Phase.RUNNING
        self._main = 0
        self._status: int | None = None
        #: How far it had come when the last process ended: that says why.
        self._ended_in = self._phase
        self._patience: Timer | None = None
        self._frost = Frost(loop, freezer, reached=self._stands)
        self._timeout_ms = 0
        self._grace_seconds = 0.0
        self._timeout = Timeout(loop, over=self._time_out)
        #: True when a process was left that could not be killed.
        self.abandoned = False

    def start(
        self, arguments: list[str], environment: dict[str, str], user: JobUser | None = None
    ) -> int:
        """Execute the script, as another user if one is given; the number of its process. Raises
        OSError or ValueError when that is impossible; then there is no job."""
        output, error = self._pump.open()
        try:
            if user is not None:
                # Or it could not open them again, as `echo x > /dev/stderr` does.
                os.fchown(output, user.uid, user.gid)
                os.fchown(error, user.uid, user.gid)
            with acting_as(user):
                self._main = spawn(arguments, environment, output, error)
        except (OSError, ValueError):
            self._pump.finish()
            raise
        finally:
            os.close(output)
            os.close(error)
        return self._main

    def emit(self, kind: Kind, data: bytes) -> bool:
        """A record of the script's; False while there is no room for it."""
        return self._pump.emit(kind, data)

    def limit(self, timeout_ms: int, grace_seconds: float) -> None:
        """End the script after so long from now, as a stop would end it; 0: never. Time in which it
        is frozen does not count."""
        self._timeout_ms, self._grace_seconds = timeout_ms, grace_seconds
        if timeout_ms:
            self._timeout.begin(timeout_ms / 1000)

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM to the whole tree, and SIGKILL when the grace is over. A second stop can only
        shorten the grace; a script that has ended by itself was not stopped, nor one whose time was
        over before."""
        self.reap()
        if self._phase is _Phase.RUNNING:
            self._phase = _Phase.STOPPING
        if self._phase in (_Phase.STOPPING, _Phase.TIMING_OUT):
            self._end_tree(grace_seconds)

    def freeze(self) -> None:
        """Let every process stand still; `stood` is called when that is so, each time. It never is
        if the script has ended or is being ended."""
        self.reap()
        if self._phase is _Phase.RUNNING:
            self._frost.freeze()

    def thaw(self) -> None:
        """Let it go on; answered alike."""
        self.reap()
        if self._phase is _Phase.RUNNING:
            self._timeout.go_on()
            self._frost.thaw()

    @property
    def frozen(self) -> bool:
        return self._frost.frozen

    @property
    def runs(self) -> bool:
        """Whether the script itself has not ended yet."""
        return self._status is None

    def resume(self) -> None:
        """The spool may have room again."""
        self._pump.resume()

    def reap(self) -> None:
        """A child has ended; perhaps the script, perhaps the last one."""
        ran = self.runs
        left = self._reap()
        if self._status is None or self._phase >= _Phase.DRAINING:
            return
        if not left:
            self._drain()
        elif self._phase is _Phase.RUNNING:
            self._phase = _Phase.CLEANING
            self._end_tree(_ORPHAN_SECONDS)
        elif ran:
            # A shell that was told to end may have forked more before it did.
            self._tell_to_end()

    def _reap(self) -> bool:
        """Whether any process of the job is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._main:
                self._status = status

    def _stands(self, frozen: bool) -> None:
        if frozen:
            self._timeout.pause()
        self._stood(frozen)

    def _time_out(self) -> None:
        self.reap()
        if self._phase is _Phase.RUNNING:
            self._phase = _Phase.TIMING_OUT
            self._end_tree(self._grace_seconds)

    def _end_tree(self, grace_seconds: float) -> None:
        self._timeout.cancel()
        self._tell_to_end()
        self._frost.end()
        due = self._loop.clock() + grace_seconds
        if self._patience is None or due < self._patience.when:
            self._loop.cancel(self._patience)
            self._patience = self._loop.after(grace_seconds, lambda: self._kill(due))

    def _kill(self, since: float) -> None:
        cleaning = self._phase is _Phase.CLEANING
        if cleaning and self._loop.clock() - since > _ABANDON_SECONDS:
            self.abandoned = True
            self._drain()
            return
        if self._cgroup is not None:
            with suppress(OSError):  # then one by one
                self._cgroup.kill()
        self._signal(signal.SIGKILL)
        self._patience = self._loop.after(_AGAIN_SECONDS, lambda: self._kill(since))

    def _tell_to_end(self) -> None:
        """SIGTERM to the whole tree, and to nothing that it forks in answer: with that traps clean
        up. So it stands still until all of it was found."""
        told = self._signal(signal.SIGSTOP)
        for number in (signal.SIGTERM, signal.SIGCONT):
            self._send(number, told)

    def _signal(self, number: int) -> list[Process]:
        """Signal the whole tree, each process once: what was forked behind one look is found by
        the next, unless it forks faster than we look. Gives what was found."""
        reached: dict[tuple[int, int], Process] = {}
        for _ in range(_LOOKS):
            tree = descendants([os.getpid()], processes())
            found = {(e.pid, e.started): e for e in tree if (e.pid, e.started) not in reached}
            if not found:
                break
            self._send(number, list(found.values()))
            reached |= found
        return list(reached.values())

    def _drain(self) -> None:
        self._loop.cancel(self._patience)
        self._timeout.cancel()
        self._frost.end()
        self._ended_in, self._phase = self._phase, _Phase.DRAINING
        self._pump.take()
        if self._pump.ended:
            self._finish()
        else:
            self._patience = self._loop.after(_DRAIN_SECONDS, self._finish)

    def _pumped(self) -> None:
        self._moved()
        if self._phase is _Phase.DRAINING and self._pump.ended:
            self._finish()

    def _finish(self) -> None:
        self._phase = _Phase.OVER
        self._loop.cancel(self._patience)
        self._pump.finish()
        self._spool.end(self._exit(), self._pump.elapsed_ms)
        self._ended()

    def _exit(self) -> Exit:
        if self._ended_in is _Phase.TIMING_OUT:
            return Exit(reason=f"timed out after {in_words(self._timeout_ms)}")
        status, stopped = self._status or 0, self._ended_in is _Phase.STOPPING
        if os.WIFSIGNALED(status):
            return Exit(signal=os.WTERMSIG(status), stopped=stopped)
        return Exit(code=os.WEXITSTATUS(status), stopped=stopped)


class _Phase(enum.IntEnum):
    RUNNING = 1
    #: A stop has signalled the tree.
    STOPPING = 2
    #: Its time was over, and that has signalled the tree.
    TIMING_OUT = 3
    #: The script has ended by itself and left processes.
    CLEANING = 4
    #: No process is left; the pipes may hold some bytes.
    DRAINING = 5
    OVER = 6
