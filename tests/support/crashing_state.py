"""`python -m tests.support.crashing_state FOLDER`: a machine keeps in its state directory who it
is, dies at every call by which it does so, and starts again.

Each life is a process of its own. A line of JSON a death: where it was, what the next life found,
and what came of it.
"""

import copy
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.crash_points import Call, CrashPoints, aim, last_life, points
from tests.support.machine import Machine, Server

from farhand_agent.link import storage
from farhand_agent.link.identity import State

#: Whom the network half runs as, where root may give files away.
SERVICE_USER = 4242
Deed = Callable[[Machine], object]
#: What is told of the lives after a death.
LATER = ("found", "then", "at last")
#: What came before, what it dies in, and what its operator does then.
STORIES: dict[str, tuple[list[Deed], Deed, Deed]] = {
    "joins": ([], Machine.join, Machine.join),
    "joins anew": ([Machine.join, Machine.connect], Machine.join_anew, Machine.join_anew),
    "is refused": ([], Machine.be_refused, Machine.join),
    "connects": ([Machine.join], Machine.connect_often, Machine.connect_often),
    "leaves": ([Machine.join, Machine.connect], Machine.leave, Machine.join),
    "hosts": ([], Machine.begin_to_host, Machine.host_twice),
    "hosts again": (
        [Machine.begin_to_host, Machine.be_rebooted],
        Machine.begin_to_host,
        Machine.host_twice,
    ),
}


def look(machine: Machine) -> dict[str, object]:
    """What is there when it starts again; it connects if it is a worker."""
    if not machine.path.exists():
        return {"worker": None}
    identity = machine.state.identity()
    found: dict[str, object] = {
        "worker": identity and identity.worker_id,
        "authority": machine.state.ca.exists() and machine.state.ca.read_text(),
        "owners": sorted({path.stat().st_uid for path in machine.path.iterdir()}),
        "left": _left_of(machine.path),
    }
    if identity is not None:
        machine.connect()
    return found


def _left_of(state: Path) -> list[str]:
    """What there would be if the machine left its group now."""
    twin = state.with_name("twin")
    _copy(state, twin)
    State(twin).forget()
    left = sorted(os.listdir(twin))
    shutil.rmtree(twin)
    return left


def _copy(folder: Path, to: Path) -> None:
    """With its owners, and without sandboxes."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("sandbox"))
    for path in (to, *to.rglob("*")):
        os.chown(path, (folder / path.relative_to(to)).stat().st_uid, -1)


def afterwards(machine: Machine, then: Deed) -> dict[str, object]:
    """What it finds, what its operator does, and what it finds then."""
    return {
        name: _tried(machine, deed) for name, deed in zip(LATER, (look, then, look), strict=True)
    }


def _tried(machine: Machine, deed: Deed) -> object:
    try:
        return deed(machine) or {}
    except Exception as error:
        return {"error": repr(error)}


def lived(folder: Path, server: Server, deed: Deed) -> Any:
    """One life, and what it says at its end; None if it died."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        os._exit(_live(folder, theirs, deed))
    theirs.close()
    said = None
    with ours, ours.makefile("rwb", buffering=0) as line:
        for heard in iter(line.readline, b""):
            words = json.loads(heard)
            if words[0] == "over":
                said = words[1]
            else:
                line.write(f"{json.dumps(server.answer(words))}\n".encode())
    os.wait()
    return said


def _live(folder: Path, line: socket.socket, deed: Deed) -> int:
    crash = CrashPoints(folder)
    crash.watch()
    crash.begin("life")
    said = _tried(Machine(folder, line), deed)
    os.write(line.fileno(), f"{json.dumps(['over', said])}\n".encode())
    return 0


def tell(folder: Path, story: str) -> Iterator[dict[str, object]]:
    """Every death, the next life, and the one after that."""
    before, deed, then = STORIES[story]
    place, server = folder / "before", Server()
    place.mkdir()
    for earlier in before:
        assert "error" not in lived(place, server, earlier)
    (place / "trace").unlink(missing_ok=True)
    for number, (call, torn) in enumerate([(None, False), *points(_calls(place, server, deed))]):
        yield _death(place, folder / str(number), copy.deepcopy(server), call, torn, deed, then)


def _death(
    before: Path,
    place: Path,
    server: Server,
    call: Call | None,
    torn: bool,
    deed: Deed,
    then: Deed,
) -> dict[str, object]:
    _copy(before, place)
    old = sorted(server.workers)
    if call is not None:
        aim(place, call, torn=torn)
    last_words = lived(place, server, deed)
    told = lived(place, server, partial(afterwards, then=then))
    shutil.rmtree(place)
    return {
        "at": None if call is None else f"{call.key} {call.nth}",
        "torn": torn,
        "died": last_words is None,
        "old": old,
        "workers": sorted(server.workers),
        **told,
    }


def _calls(before: Path, server: Server, deed: Deed) -> list[Call]:
    place = before.with_name("whole")
    _copy(before, place)
    lived(place, copy.deepcopy(server), deed)
    calls = last_life(map(Call.read, (place / "trace").read_text().splitlines()))
    return calls[:-1]  # the last one says that it is over


def main(folder: Path) -> int:
    if os.geteuid() == 0:
        storage.service_user = lambda: SERVICE_USER
    for story in STORIES:
        place = folder / story
        place.mkdir()
        for told in tell(place, story):
            print(json.dumps({"story": story, **told}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
