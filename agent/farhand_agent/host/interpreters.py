"""Which program runs which type of runbook on this host."""

import os
import shutil
from collections.abc import Mapping

#: Where jobs look for programs; the agent looks there first, so that both find the same ones.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_PROGRAMS = {"bash": "bash", "python": "python3", "powershell": "pwsh"}


def find_interpreters(path: str, *, chosen: Mapping[str, str]) -> dict[str, str]:
    """Absolute path of the interpreter for each runbook type that this host can run.

    `path` is searched after the system's own directories, so the agent's virtual environment does
    not shadow the python that an administrator installed. `chosen` names programs by type and wins;
    one that cannot be executed takes its type away.
    """
    found: dict[str, str] = {}
    for kind, program in _PROGRAMS.items():
        where = shutil.which(chosen.get(kind, program), path=f"{SEARCH_PATH}:{path}")
        if where is not None:
            found[kind] = os.path.abspath(where)
    return found
