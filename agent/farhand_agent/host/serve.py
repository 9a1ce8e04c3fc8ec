"""What a forked child does to become a runner."""

import os
import signal
import socket

from farhand_agent.host import linux
from farhand_agent.host.berth import Berth
from farhand_agent.host.cgroup import Cgroup
from farhand_agent.host.home import Home
from farhand_agent.host.host import Host
from farhand_agent.host.log import log
from farhand_agent.host.loop import Loop, watch_signals
from farhand_agent.host.process import process
from farhand_agent.host.recovery import recover
from farhand_agent.host.reserve import Reserve
from farhand_agent.host.runner import Runner
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.work import Work


def serve_jobs(
    host: Host,
    home: Home,
    listener: socket.socket,
    job_listener: socket.socket,
    launcher: socket.socket,
) -> int:
    """Be a spare runner; the process's exit code, once it is needed no more."""
    cgroup = _new_cgroup(host)
    _settle_in(home, cgroup)
    # What is opened for scripts is made beforehand, and nothing is imported after this.
    work = Work(host.sandbox.work(os.getpid()))
    reserve = Reserve(host.sandbox.reserve(os.getpid()))
    loop = Loop()
    runner = Runner(
        loop=loop,
        host=host,
        home=home,
        listener=listener,
        launcher=launcher,
        job_listener=job_listener,
        berth=Berth(work=work, reserve=reserve, cgroup=cgroup),
    )
    return _serve(loop, runner)


def serve_remains(host: Host, home: Home, listener: socket.socket, attempt: AttemptId) -> int:
    """Serve what a lost runner left of an attempt, until the server has it."""
    left = host.cgroups.named(home.cgroup) if host.cgroups else None
    _settle_in(home, None)
    loop = Loop()
    found = recover(attempt, home, host, left)
    runner = Runner(loop=loop, host=host, home=home, listener=listener, attempt=found)
    return _serve(loop, runner)


def _new_cgroup(host: Host) -> Cgroup | None:
    """A group for this process and its scripts; without one they are found by their parents."""
    me = process(os.getpid())
    if host.cgroups is None or me is None:
        return None
    try:
        return host.cgroups.make(me)
    except OSError as error:
        log(f"a runner has no control group: {error}")
        return None


def _settle_in(home: Home, cgroup: Cgroup | None) -> None:
    os.setsid()
    linux.name_process("farhand-runner")
    os.umask(0o077)
    # What goes wrong is told on standard error; the rest must not keep a pipe of the agent open.
    nowhere = os.open("/dev/null", os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    linux.adopt_orphans()
    linux.forbid_inspection()
    home.name_runner(os.getpid(), cgroup.name if cgroup else "")
    if cgroup is not None:
        cgroup.enter()


def _serve(loop: Loop, runner: Runner) -> int:
    watch_signals(loop, {signal.SIGCHLD: runner.reap, signal.SIGTERM: runner.terminate})
    return loop.run()
