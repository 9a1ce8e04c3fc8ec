"""`python -m tests.support.frost_process TYPE SCRIPT [REACHED]`: a script below its freezer.

The process adopts what is orphaned and does as standard input says, one command a line:

    freeze   until every process stands still; answered by `frozen`
    thaw     until every process goes on; answered by `thawed`
    step     one step of a freeze, whose result is the answer

It is a process of its own because the freezer stops everything below the one that it is in. With
REACHED `nobody`, no signal reaches a process, as if it were another user's.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable

from farhand_agent.host.frost import TreeFreezer
from farhand_agent.host.linux import adopt_orphans
from farhand_agent.host.process import Process, descendants, processes, send

_INTERPRETERS = {"bash": "/bin/bash", "python": sys.executable}


def main(type_: str, script: str, reached: str = "all") -> None:
    adopt_orphans()
    freezer = TreeFreezer(send=send if reached == "all" else _in_vain)
    subprocess.Popen(
        [_INTERPRETERS[type_], "-c", script], stdin=subprocess.DEVNULL, start_new_session=True
    )
    for line in sys.stdin:
        print(_obey(freezer, line.strip()), flush=True)
    while tree := [each for each in descendants([os.getpid()], processes()) if each.lives]:
        send(signal.SIGKILL, tree)


def _obey(freezer: TreeFreezer, command: str) -> str:
    if command == "step":
        return str(freezer.freeze())
    step = freezer.freeze if command == "freeze" else freezer.thaw
    while not step():
        pass
    return "frozen" if command == "freeze" else "thawed"


def _in_vain(number: int, targets: Iterable[Process]) -> None:
    pass


if __name__ == "__main__":
    main(*sys.argv[1:])
