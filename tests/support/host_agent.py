"""The root half of an agent as a process of its own, with a link that only keeps a diary.

`python -m tests.support.host_agent STATE SANDBOX`: pytest itself must not fork runners.
"""

import os
import signal
import sys
from pathlib import Path

from farhand_agent.host.launcher import run_launcher


def main(state: Path, sandbox: Path) -> int:
    return run_launcher(
        state=state,
        sandbox_root=sandbox,
        link_main=lambda hints: _keep_diary(state, hints),
        environ=os.environ,
        interpreters={"powershell": str(state / "pwsh")},
    )


def _keep_diary(state: Path, hints: int) -> int:
    """Write down when it began and every hint; end as the file `exit` says, or when told to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.set_blocking(hints, True)
    with (state / "diary").open("a", buffering=1) as diary:
        diary.write(f"link {os.getpid()} {'grpc' in sys.modules}\n")
        if (state / "exit").exists():
            return int((state / "exit").read_text())
        while os.read(hints, 4096):
            diary.write("hint\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
