"""What all runners of one agent share, found out before the first one is forked."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from farhand_agent.host.cgroup import Cgroups
from farhand_agent.host.ground import filesystem_type
from farhand_agent.host.interpreters import find_interpreters
from farhand_agent.host.linux import boot_id
from farhand_agent.host.order import base_environment
from farhand_agent.host.room import Room
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.host.users import JobUser


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The surroundings of every script on this machine."""

    sandbox: Sandbox
    #: Absolute path of the interpreter by runbook type.
    interpreters: Mapping[str, str]
    #: What every script's environment begins with.
    environment: Mapping[str, str]
    #: Users whose processes may dial a runner.
    peers: frozenset[int]
    boot_id: str
    room: Room
    #: None: none can be made, and what a job started is found by its parent links.
    cgroups: Cgroups | None = None
    #: What lies in the sandbox is on no disk.
    in_memory: bool = False
    #: As whom scripts run; None: as the user of the agent.
    user: JobUser | None = None


def this_host(
    sandbox: Sandbox,
    *,
    environ: Mapping[str, str],
    interpreters: Mapping[str, str],
    link_user: int | None,
    cgroups: Cgroups | None,
) -> Host:
    """The host that this process runs on, as this process's user. `interpreters` names programs
    that are preferred, by runbook type."""
    user = pwd.getpwuid(os.geteuid())
    peers = {0, os.geteuid()} | (set() if link_user is None else {link_user})
    return Host(
        sandbox=sandbox,
        interpreters=find_interpreters(environ.get("PATH", ""), chosen=interpreters),
        environment=base_environment(
            environ, user=user.pw_name, home=user.pw_dir, login_shell=user.pw_shell or "/bin/sh"
        ),
        peers=frozenset(peers),
        boot_id=boot_id(),
        room=Room(sandbox=sandbox),
        cgroups=cgroups,
        in_memory=filesystem_type(sandbox.root) == "tmpfs",
    )
