"""`python -m tests.support.lone_runner STATE SANDBOX SPOOL_BYTES`: a real runner without an agent.

Its clock is ahead by as many seconds as the file STATE/ahead says at each moment: nothing wakes the
runner when that changes, as nothing does when a machine wakes from its sleep. At SPOOL_BYTES that
nobody has taken its job waits. It ends when its attempt is done with.
"""

import os
import signal
import sys
from pathlib import Path

from farhand_agent.host.door import listen, listen_at
from farhand_agent.host.host import this_host
from farhand_agent.host.linux import adopt_orphans, boot_id, boot_seconds
from farhand_agent.host.loop import Loop, watch_signals
from farhand_agent.host.runner import Runner
from farhand_agent.host.sandbox import Sandbox


def main(state: Path, root: Path, spool_bytes: int) -> int:
    adopt_orphans()
    sandbox = Sandbox(root=root, state=state)
    sandbox.make(boot_id())
    host = this_host(sandbox, environ=os.environ, interpreters={}, link_user=None, cgroups=None)
    home = sandbox.new_home()
    loop = Loop(lambda: boot_seconds() + float((state / "ahead").read_text()))
    runner = Runner(
        loop=loop,
        host=host,
        home=home,
        listener=listen(home, sandbox),
        job_listener=listen_at(home.job_socket),
        spool_bytes=spool_bytes,
    )
    watch_signals(loop, {signal.SIGCHLD: runner.reap, signal.SIGTERM: runner.terminate})
    return loop.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
