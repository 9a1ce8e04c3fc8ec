"""The root half of an agent as a process of its own, with a link that only keeps a diary.

`python -m tests.support.host_agent STATE SANDBOX [USER [KINDS]]`: pytest itself must not fork
runners. With a user the link becomes that one, and tries what it may do. With KINDS it knows only
these hierarchies of control groups, separated by commas.
"""

import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

from tests.support.runner_client import RunnerClient

from farhand_agent.host.cgroup import Cgroups, choose_cgroups
from farhand_agent.host.hierarchy import hierarchies
from farhand_agent.host.launcher import run_launcher
from farhand_agent.host.mounts import my_mounts
from farhand_agent.host.sandbox import Sandbox


def main(state: Path, sandbox: Path, user: str = "", kinds: str = "cgroup2,freezer,pids") -> int:
    _note_imports(state)

    def link(hints: int) -> int:
        if user:
            _try_rights(state, Sandbox(root=sandbox, state=state))
        return _keep_diary(state, hints)

    return run_launcher(
        state=state,
        sandbox_root=sandbox,
        link_main=link,
        environ=os.environ,
        interpreters={"powershell": str(state / "pwsh")},
        link_user=user,
        link_load=lambda: _note_loader(state),
        find_cgroups=lambda state: only(kinds.split(","), state),
    )


def only(kinds: Collection[str], state: Path) -> Cgroups:
    """The control groups of an agent on a machine that has only these hierarchies."""
    found = hierarchies(my_mounts(), Path("/proc/self/cgroup").read_text())
    return choose_cgroups(state, {kind: found[kind] for kind in kinds if kind in found})


def _note_imports(state: Path) -> None:
    """Write down what a forked process loads that was not loaded before its fork."""
    launcher = os.getpid()

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import" and os.getpid() != launcher:
            with (state / "imports").open("a") as file:
                file.write(f"{os.getpid()} {arguments[0]}\n")

    sys.addaudithook(hear)


def _note_loader(state: Path) -> None:
    (state / "loader").write_text(str(os.getresuid()))


def _try_rights(state: Path, sandbox: Sandbox) -> None:
    with (state / "diary").open("a", buffering=1) as diary:
        diary.write(f"user {os.getresuid()} groups {os.getgroups()}\n")
        diary.write(f"journal {len(sandbox.journal_id)}\n")
        for address in sandbox.addresses():
            client = RunnerClient(address.socket)
            diary.write(f"dialled {client.state()['phase']}\n")
            outcome = client.run("id -u")
            diary.write(f"ran {outcome.output.decode().strip()}\n")
            client.close()
        (attempt, *_) = sandbox.attempts()
        try:
            (sandbox.attempt_path(attempt) / "job" / "script").read_text()
        except PermissionError:
            diary.write("may not read a script\n")


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
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
