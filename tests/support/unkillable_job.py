"""`python -m tests.support.unkillable_job FOLDER`: a job whose processes no signal reaches.

As if they were another user's. Prints the exit code, and whether something was left alone. It is a
process of its own because it adopts orphans.
"""

import os
import signal
import sys
from pathlib import Path

from farhand_agent.host.frost import TreeFreezer
from farhand_agent.host.job import Job
from farhand_agent.host.linux import adopt_orphans
from farhand_agent.host.loop import Loop, watch_signals
from farhand_agent.host.process import descendants, processes, send
from farhand_agent.host.spool import Spool


def main(folder: Path) -> None:
    adopt_orphans()
    loop = Loop()
    spool = Spool(folder, folder / "disk")
    job = Job(
        loop,
        spool,
        freezer=TreeFreezer(),
        moved=lambda: None,
        stood=lambda frozen: None,
        ended=lambda: loop.stop(0),
        send=lambda number, targets: None,
    )
    watch_signals(loop, {signal.SIGCHLD: job.reap})
    job.start(["/bin/sh", "-c", "sleep 600 & exit 3"], {"PATH": "/usr/bin:/bin"})
    loop.run()
    assert spool.exit is not None
    print(spool.exit.code, job.abandoned)
    send(signal.SIGKILL, descendants([os.getpid()], processes()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
