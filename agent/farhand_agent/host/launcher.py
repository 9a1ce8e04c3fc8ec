"""The agent's first process: it forks the link and the runners, and watches that none is missing.
It is on no job's path; when it dies, jobs go on, and the next one finds them."""

import gc
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from farhand_agent.host.backoff import Backoff
from farhand_agent.host.cgroup import Cgroup, Cgroups, NoCgroups, find_cgroups
from farhand_agent.host.child import fork
from farhand_agent.host.door import listen
from farhand_agent.host.folder import remove_tree
from farhand_agent.host.home import Home
from farhand_agent.host.host import Host, this_host
from farhand_agent.host.link_process import LinkProcess, user_named
from farhand_agent.host.linux import boot_id
from farhand_agent.host.lock import StateLock
from farhand_agent.host.log import log
from farhand_agent.host.loop import Loop, watch_signals
from farhand_agent.host.process import alive
from farhand_agent.host.sandbox import AttemptId, Sandbox
from farhand_agent.host.sdk import place_sdk
from farhand_agent.host.serve import serve_remains
from farhand_agent.host.spares import Spares

#: A control group in which something outlives SIGKILL for so long is left to the next start.
_END_SECONDS = 5.0


def run_launcher(
    *,
    state: Path,
    sandbox_root: Path,
    link_main: Callable[[int], int],
    environ: Mapping[str, str],
    interpreters: Mapping[str, str] | None = None,
    link_user: str = "farhand",
    link_load: Callable[[], None] = lambda: None,
    find_cgroups: Callable[[Path], Cgroups] = find_cgroups,
    log: Callable[[str], None] = log,
) -> int:
    """Run the agent until it is told to stop; the exit code of the command.

    `link_main` is called in a forked child that has dropped to `link_user` (if we are root and
    there is one), with a descriptor on which a byte says that there may be a runner which it does
    not know yet; `link_load` imports what it needs, before the drop. It ends the agent by returning
    0 or DO_NOT_RESTART; otherwise it is called again in a new child. `interpreters` names programs
    to prefer, by runbook type.

    Raises StateInUse, NotOurs, and OSError if a directory cannot be made.
    """
    user = user_named(link_user)
    sandbox = Sandbox(root=sandbox_root, state=state, group=user.gid if user else None)
    with StateLock.hold(state) as lock:
        sandbox.make(boot_id())
        try:
            cgroups = find_cgroups(state)
            lock.note(str(cgroups))
        except NoCgroups as error:
            cgroups = None
            lock.note(str(error))
        host = this_host(
            sandbox,
            environ=environ,
            interpreters=interpreters or {},
            link_user=user.uid if user else None,
            cgroups=cgroups,
        )
        place_sdk(sandbox.sdk, python=host.interpreters.get("python"))
        # Children share what is never looked at again by the garbage collector.
        gc.collect()
        gc.freeze()
        link = partial(LinkProcess, main=link_main, load=link_load, user=user)
        return Launcher(host, link, log=log).run()


class Launcher:
    """Keeps a link, two spare runners, and a runner for every attempt."""

    def __init__(
        self,
        host: Host,
        link: Callable[..., LinkProcess],
        *,
        log: Callable[[str], None],
    ) -> None:
        self._loop = Loop()
        self._host = host
        self._log = log
        self._link = link(self._loop, over=self._loop.stop, log=log)
        self._spares = Spares(self._loop, host, ready=self._link.hint, log=log)
        #: Processes that serve attempts and are not from `_spares`: recoveries, and runners that
        #: outlived another launcher.
        self._others: set[int] = set()
        self._backoff = Backoff(first=0.01)
        self._lost_at = 0.0

    def run(self) -> int:
        watch_signals(
            self._loop,
            {
                signal.SIGCHLD: self._reap,
                signal.SIGTERM: self._link.stop,
                signal.SIGINT: self._link.stop,
            },
        )
        sandbox = self._host.sandbox
        sandbox.restore()
        self._sweep()
        self._watch_spares()
        self._recover()
        self._spares.fill()
        self._link.start()
        return self._loop.run()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._link.ended(pid, status):
                continue
            runner = self._spares.ended(pid, status) or pid in self._others
            self._others.discard(pid)
            if runner and status != 0:
                self._runner_lost(pid, os.waitstatus_to_exitcode(status))

    def _runner_lost(self, pid: int, code: int) -> None:
        self._log(f"runner {pid} ended with {code}")
        self._sweep()
        self._recover_soon()

    def _recover_soon(self) -> None:
        now = self._loop.clock()
        wait = self._backoff.after(now - self._lost_at)
        self._lost_at = now
        self._loop.after(wait, self._recover)

    def _recover(self) -> None:
        """Give every attempt a runner."""
        for attempt in self._host.sandbox.attempts():
            folder = self._host.sandbox.attempt_path(attempt)
            try:
                home = Home.hold(folder)
                if home is None:
                    self._watch_runner(folder)
                else:
                    self._serve_remains(home, attempt)
            except OSError as error:
                self._log(f"attempt {attempt.folder} has no runner: {error}; trying again")
                self._recover_soon()

    def _serve_remains(self, home: Home, attempt: AttemptId) -> None:
        with closing(home), closing(listen(home, self._host.sandbox)) as listener:
            pid = fork(
                lambda: serve_remains(self._host, home, listener, attempt),
                keep={home.lock, listener.fileno()},
            )
        self._others.add(pid)
        self._link.hint()

    def _watch_spares(self) -> None:
        """Those of the launcher before: until they notice that it is gone, they may take a job."""
        for address in self._host.sandbox.addresses():
            if address.attempt is None:
                with suppress(OSError):  # it is gone as well
                    self._watch_runner(address.socket.parent)

    def _watch_runner(self, folder: Path) -> None:
        """Notice the end of a runner that is not our child. Raises OSError if it has ended and its
        lock is about to go."""
        pid = Home.runner(folder)
        if pid is None or pid in self._spares or pid in self._others:
            return
        handle = os.pidfd_open(pid)
        self._others.add(pid)
        self._loop.watch(handle, lambda: self._runner_ended(pid, handle))

    def _runner_ended(self, pid: int, handle: int) -> None:
        self._loop.forget(handle)
        os.close(handle)
        self._others.discard(pid)
        self._sweep()
        self._recover()

    def _sweep(self) -> None:
        """Remove what dead runners left, in a child: a script may have left much. All of them, for
        the child before may have died as well."""
        sandbox, cgroups = self._host.sandbox, self._host.cgroups
        dead = [pid for pid in sandbox.runners() if not alive(pid)]
        left = [folder(pid) for pid in dead for folder in (sandbox.work, sandbox.reserve)]
        left += sandbox.forgotten()
        homes = list(sandbox.dead_spares())
        groups = list(cgroups.dead()) if cgroups else []
        if left or homes or groups:
            fork(lambda: _remove([*left, *(home.path for home in homes)], groups))
        for home in homes:
            home.close()


def _remove(folders: Iterable[Path], groups: Iterable[Cgroup]) -> int:
    for group in groups:
        group.end(_END_SECONDS)
    for folder in folders:
        remove_tree(folder)
    return 0
