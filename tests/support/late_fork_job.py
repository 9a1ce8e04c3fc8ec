"""`python -m tests.support.late_fork_job FOLDER`: a job in which something is forked between the
look for its processes and the SIGTERM to them. Prints how it ended.

It is a process of its own because it adopts orphans.
"""

import os
import signal
import sys
from pathlib import Path

from farhand_agent.host.frost import TreeFreezer
from farhand_agent.host.job import Job
from farhand_agent.host.linux import adopt_orphans
from farhand_agent.host.loop import Loop, watch_signals
from farhand_agent.host.process import Process, send
from farhand_agent.host.spool import Spool


def main(folder: Path) -> None:
    adopt_orphans()
    loop = Loop()
    spool = Spool(folder, folder / "disk")
    late: list[int] = []

    def fork_and_send(number: int, targets: list[Process]) -> None:
        if not late:
            late.append(os.posix_spawn("/bin/sleep", ["sleep", "600"], {}))
        send(number, targets)

    job = Job(
        loop,
        spool,
        freezer=TreeFreezer(),
        moved=lambda: None,
        stood=lambda frozen: None,
        ended=lambda: loop.stop(0),
        send=fork_and_send,
    )
    watch_signals(loop, {signal.SIGCHLD: job.reap})
    job.start(["/bin/sleep", "600"], {})
    job.stop(grace_seconds=600)
    loop.run()
    assert spool.exit is not None
    print(spool.exit.signal, Path(f"/proc/{late[0]}").exists())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
