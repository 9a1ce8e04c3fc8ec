"""What becomes of an attempt whose runner is gone: nothing of it runs on, and what it wrote and how
it ended is told from what it left."""

from contextlib import suppress

from farhand_agent.host.attempt import RAN, STARTED, VOID, Attempt, claim_void
from farhand_agent.host.cgroup import Cgroup
from farhand_agent.host.home import Home, read_json
from farhand_agent.host.host import Host
from farhand_agent.host.process import LINUX, Kernel
from farhand_agent.host.remains import Remains
from farhand_agent.host.sandbox import AttemptId
from farhand_agent.host.spool import Spool

LOST = "the runner was lost while the runbook ran"
RESTARTED = "the host was restarted while the runbook ran"
NEVER_STARTED = "the runner was lost before it started the runbook"

#: What outlives SIGKILL for so long is left alone.
_ABANDON_SECONDS = 5.0


def recover(
    attempt: AttemptId,
    home: Home,
    host: Host,
    cgroup: Cgroup | None = None,
    kernel: Kernel = LINUX,
) -> Attempt:
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
        _remains(attempt, home).end(_ABANDON_SECONDS, kernel=kernel)
    found = Attempt(
        id=attempt,
        spool=Spool(home.path, overflow, resume=True, same_boot=same_boot),
        reason=LOST if same_boot else RESTARTED,
        torn=not same_boot,
    )
    if same_boot:
        # Memory did not forget: the server cannot have more than this.
        found.settle(0, None)
    return found


def _remains(attempt: AttemptId, home: Home) -> Remains:
    with suppress(ValueError):
        pid, started = map(int, (home.read("pid") or b"").split())
        return Remains(attempt=attempt, pid=pid, started=started)
    return Remains(attempt=attempt, pid=0, started=0)
