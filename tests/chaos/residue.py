"""What must not be there any more when every job has ended."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.monitor import Monitor
from tests.chaos.operators import survivors
from tests.chaos.stage import Agent, ChaosStage

from farhand_agent.host import spares
from farhand_agent.host.cgroup import NoCgroups, find_cgroups
from farhand_agent.host.process import alive

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
#: States in which a connection is nobody's any more, or was never one: TIME_WAIT, LISTEN.
_NONE = ("06", "0A")


def residue(stage: ChaosStage, monitor: Monitor, jobs: set[str], *, clients: int) -> list[str]:
    """One sentence for each thing that is left."""
    found = [f"process {pid} ({name}) lives" for pid, name in survivors(jobs).items()]
    for agent in stage.cast:
        found += [f"{agent.name}: {what}" for what in _of_agent(agent)]
        looks = monitor.looks[agent.name]
        if looks and looks[-1].used:
            found.append(f"{agent.name}: {looks[-1].used} slots are taken")
        if (count := len(agent.proxy.live)) != 1:
            found.append(f"{agent.name} has {count} connections")
        if not monitor.is_online(agent.name):
            found.append(f"{agent.name} is not online")
    most = len(stage.cast) + clients
    if len(open_ := connections(stage.port)) > most:
        found.append(f"the server has connections {open_}, at most {most} belong to somebody")
    return found


def descriptors(pid: int | None) -> int:
    """How many a process has open; 0 if it does not run."""
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def connections(port: int) -> list[str]:
    """TCP connections that the kernel keeps for whoever listens on `port`: state and peer."""
    rows = [row.split() for table in TABLES for row in Path(table).read_text().splitlines()[1:]]
    return [
        f"{row[3]} {int(row[2].rpartition(':')[2], 16)}"
        for row in rows
        if row[1].endswith(f":{port:04X}") and row[3] not in _NONE
    ]


def strangers(root: Path) -> list[str]:
    """Living processes that were started for this stage, in words."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                if any(f"{root}/".encode() in word for word in words) and alive(int(entry)):
                    found.append(f"{entry}: {b' '.join(words).decode()[:120]}")
    return found


def groups(agent: Agent) -> list[str]:
    """Control groups that an agent which has ended has left, where it could make any."""
    with contextlib.suppress(NoCgroups):
        return [group.name for group in find_cgroups(agent.sandbox.state).dead()]
    return []


def _of_agent(agent: Agent) -> Iterator[str]:
    if attempts := [attempt.folder for attempt in agent.sandbox.attempts()]:
        yield f"sandboxes {attempts}"
    if spools := os.listdir(agent.sandbox.spools):
        yield f"spools {spools}"
    if dead := [pid for pid in agent.sandbox.runners() if not alive(pid)]:
        yield f"folders of dead runners {dead}"
    waiting = os.listdir(agent.sandbox.spares)
    if not spares.WANTED <= len(waiting) <= spares.MOST:
        yield f"{len(waiting)} spare runners"
