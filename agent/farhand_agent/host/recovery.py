"""What becomes of an attempt whose runner is gone: nothing of it runs on, and what it wrote and how
it ended is told from what it left."""

import os
import signal
import time
from contextlib import suppress

from farhand_agent.host.attempt import RAN, STARTED, VOID, Attempt, claim_void
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


def recover(attempt: AttemptId, home: Home, host: Host) -> Attempt:
    """The attempt as its folders tell it; whatever still ran of it has been killed."""
    overflow = host.sandbox.overflow(attempt)
    started = home.read(STARTED)
    if started is None and not overflow.exists():
        claim_void(home, NEVER_STARTED)
        return Attempt(id=attempt, reason=NEVER_STARTED)
    if started is None:
        # The sandbox went with the memory it was in; what lies on disk was written by a script.
        home.write(STARTED, RAN)
    elif started.startswith(VOID):
        return Attempt(id=attempt, reason=started.removeprefix(VOID).decode().strip())
    same_boot = read_json(home.read("grant")).get("boot_id") == host.boot_id
    if same_boot:
        _kill_what_is_left(attempt, home)
    found = Attempt(
        id=attempt,
        spool=Spool(home.path, overflow),
        reason=LOST if same_boot else RESTARTED,
    )
    if same_boot:
        # Memory did not forget: the server cannot have more than this.
        found.settle(0)
    return found


def _kill_what_is_left(attempt: AttemptId, home: Home) -> None:
    main = home.read("pid") or b"0 0"
    with suppress(ValueError):
        pid, started = map(int, main.split())
        deadline = time.monotonic() + _ABANDON_SECONDS
        while time.monotonic() < deadline:
            left = _left_by(attempt, pid, started)
            if not left:
                return
            send(signal.SIGKILL, left)
            time.sleep(_AGAIN_SECONDS)


def _left_by(attempt: AttemptId, pid: int, started: int) -> list[Process]:
    """The script if it lives, its session, whoever has its environment, and all below these."""
    living = [each for each in processes() if each.lives]
    ours = {os.getpid(), os.getppid()}
    roots = [
        each
        for each in living
        if each.pid not in ours
        and each.started >= started
        and (pid in (each.pid, each.session) or _has_environment_of(attempt, each.pid))
    ]
    found = {each.pid: each for each in (*roots, *descendants([r.pid for r in roots], living))}
    return list(found.values())


def _has_environment_of(attempt: AttemptId, pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return False
    names = (f"FARHAND_JOB_ID={attempt.job_id}", f"FARHAND_ATTEMPT={attempt.attempt}")
    return all(name.encode() in variables for name in names)
