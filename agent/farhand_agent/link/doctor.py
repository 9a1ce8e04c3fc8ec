"""What an administrator wants to know when a worker does not work."""

import os
import pwd
import time
from collections.abc import Mapping
from dataclasses import dataclass

from farhand_agent.errors import AgentError
from farhand_agent.host.cgroup import NoCgroups, find_cgroups
from farhand_agent.host.ground import root_half
from farhand_agent.host.interpreters import choices, find_interpreters, programs
from farhand_agent.host.lock import noted
from farhand_agent.link import endpoint as endpoints
from farhand_agent.link import proxy
from farhand_agent.link.identity import Identity, State
from farhand_agent.link.reach import reach
from farhand_agent.link.storage import service_user
from farhand_agent.link.visit import look, registered, roots


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    good: bool
    text: str


async def examine(state: State, environ: Mapping[str, str]) -> list[Finding]:
    """Looks at everything, also when the first things are wrong."""
    findings = [_user(), _interpreters(environ), _processes(state)]
    try:
        identity = registered(state)
        state.key()
    except AgentError as error:
        return [*findings, _bad("identity", error)]
    text = f"{identity.worker_name} of group {identity.group}, account {identity.account}"
    findings.append(Finding(name="identity", good=True, text=text))
    try:
        findings.append(await _path(identity, state, environ))
        visited = await look(state, environ)
    except AgentError as error:
        return [*findings, _bad("server", error)]
    skew = time.time() - visited.welcome.server_time_ms / 1000
    text = f"{identity.endpoint} knows this worker and its key; the clocks differ by {skew:+.1f} s"
    findings.append(Finding(name="server", good=True, text=text))
    return [*findings, *_between(visited.intermediary)]


def _bad(name: str, error: AgentError) -> Finding:
    return Finding(name=name, good=False, text=error.line)


def _between(intermediary: str) -> list[Finding]:
    """What must be looked at there cannot be seen from here."""
    if not intermediary:
        return []
    text = f"{intermediary} stands between: it must not bound requests in size or time"
    if intermediary.startswith("nginx"):
        text += " (client_max_body_size 0; grpc_read_timeout, client_body_timeout 1h)"
    return [Finding(name="between", good=True, text=text)]


def _user() -> Finding:
    name = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() != 0:
        return Finding(name="user", good=True, text=f"{name}: jobs run as {name}, no Run As")
    if service_user() is None:
        text = "root, and no user farhand: the network half keeps root's rights"
        return Finding(name="user", good=True, text=text)
    return Finding(name="user", good=True, text="root; the network half runs as farhand")


def _interpreters(environ: Mapping[str, str]) -> Finding:
    chosen = programs(choices({}, environ))
    found = find_interpreters(environ.get("PATH", ""), chosen=chosen)
    text = ", ".join(f"{type_} {path}" for type_, path in found.items())
    return Finding(name="runs", good=bool(found), text=text or "no interpreter was found")


def _processes(state: State) -> Finding:
    """Which of the two ways keeps the processes of a job together: as the agent that runs has found
    out, or as this process would."""
    text = noted(root_half(state.path))
    try:
        text = text or str(find_cgroups(state.path))
    except (NoCgroups, OSError) as error:
        text = str(error)
    return Finding(name="processes", good=True, text=text)


async def _path(identity: Identity, state: State, environ: Mapping[str, str]) -> Finding:
    endpoint = endpoints.parse(identity.endpoint)
    via = proxy.proxy_for(environ, endpoint)
    if via:
        return Finding(name="path", good=True, text=f"{endpoint} through a proxy, not looked at")
    reached = await reach(endpoint, roots=roots(state))
    text = f"{endpoint} in {reached.milliseconds:.0f} ms, {reached.tls_version}"
    return Finding(name="path", good=True, text=text)
