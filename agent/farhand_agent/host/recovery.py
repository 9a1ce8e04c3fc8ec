"""What becomes of an attempt whose runner is gone: nothing of it runs on, and what it wrote and how
it ended is told from what it left."""

import os
import signal
import time
from contextlib import suppress

from farhand_agent.host.attempt import RAN, STARTED, VOID, Attempt, claim_void
from farhand_agent.host.cgroup import Cgroup
from farhand_agent.host.home import Home, read_json
from farhand_agent.host.host import Host
from farhand_agent.host.process import Process, descendants, processes, send
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.spool import Spool

LOST = "the runner was lost while the runbook ran"
RESTARTED = "the host was restarted while the runbook ran"
NEVER_STARTED = "the runner was lost before it started the runbook"

_AGAIN_SECONDS = 0.05
#: What outlives SIGKILL for so long is left alone.
_ABANDON_SECONDS = 5.0


def recover(attempt: AttemptId, home: Home, host: Host, cgroup: Cgroup | None = None) -> Attempt:
    """The attempt as its folders tell it; whatever still ran of it has been killed. `cgroup`: that
    of the lost runner, if it had one."""
    overflow = host.sandbox.overflow(attempt)
    started = home.read(STARTED)
    same_boot = read_json(home.read("grant")).get("boot_id") == host.boot_id
    if started is None and same_boot:
        claim_void(home, NEVER_STARTED)
        return Attempt(id=attempt, reason=NEVER_STARTED)
    if started is None:
        # Its absence proves nothing: a power loss may have taken it.
        home.write(STARTED, RAN)
    elif started.startswith(VOID):
        return Attempt(id=attempt, reason=started.removeprefix(VOID).decode().strip())
    if same_boot:
        if cgroup is not None:
            cgroup.end(_ABANDON_SECONDS)
        _kill_what_is_left(attempt, home)
    found = Attempt(
        id=attempt,
        spool=Spool(home.path, overflow, resume=True),
        reason=LOST if same_boot else RESTARTED,
        torn=not same_boot,
    )
    if same_boot:
        # Memory did not forget: the server cannot have more than this.
        found.settle(0, None)
    return found


def _kill_what_is_left(attempt: AttemptId, home: Home) -> None:
    pid, started = _main(home)
    deadline = time.monotonic() + _ABANDON_SECONDS
    while time.monotonic() < deadline:
        left = _left_by(attempt, pid, started)
        if not left:
            return
        send(signal.SIGKILL, left)
        time.sleep(_AGAIN_SECONDS)


def _main(home: Home) -> tuple[int, int]:
    """Number and start of the script's process, as its runner wrote them down; else of none."""
    with suppress(ValueError):
        pid, started = map(int, (home.read("pid") or b"").split())
        return pid, started
    return 0, 0


def _left_by(attempt: AttemptId, pid: int, started: int) -> list[Process]:
    """The script if it lives, whoever has its environment, and all below these."""
    agent = {os.getpid(), os.getppid()}
    living = [each for each in processes() if each.lives and each.pid not in agent]
    roots = {
        each.pid: each
        for each in living
        if (each.pid, each.started) == (pid, started) or _has_environment_of(attempt, each.pid)
    }
    below = {each.pid: each for each in descendants(roots, living)}
    return list({**roots, **below}.values())


def _has_environment_of(attempt: AttemptId, pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return False
    names = (f"FARHAND_JOB_ID={attempt.job_id}", f"FARHAND_ATTEMPT={attempt.attempt}")
    return all(name.encode() in variables for name in names)
