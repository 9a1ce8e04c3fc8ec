"""What each command does. grpc is imported only where it is needed: `run` forks before that."""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farhand_agent.errors import AgentError, StateError
from farhand_agent.host.interpreters import (
    Interpreter,
    choices,
    examine_interpreters,
    find_interpreters,
    programs,
    unusable,
)
from farhand_agent.settings import default_state

if TYPE_CHECKING:
    from farhand_agent.host.sandbox import Sandbox


def register(asked: argparse.Namespace) -> int:
    """Joins a group."""
    from farhand_agent.link import endpoint, trust
    from farhand_agent.link.facts import gather
    from farhand_agent.link.identity import State
    from farhand_agent.link.register import Registration, register

    registration = Registration(
        endpoint=endpoint.parse(asked.endpoint),
        token=_token(asked),
        group=asked.group,
        worker_name=asked.worker_name,
        facts=gather(_interpreters({})),
        ca=asked.ca,
        ca_sha256=trust.fingerprint(asked.ca_sha256) if asked.ca_sha256 else None,
        replace=asked.replace,
    )
    identity = asyncio.run(register(registration, State(asked.state), environ=os.environ, say=_say))
    if asked.verbose:
        _say(f"worker id {identity.worker_id}, account {identity.account}")
    _say(f"next: farhand-agent run{_state_option(asked.state)}")
    if not sys.stdout.isatty():
        print(identity.worker_name)
    return 0


def run(asked: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from farhand_agent.host.folder import NotOurs
    from farhand_agent.host.ground import own_root_half, root_half, sandbox_root
    from farhand_agent.host.launcher import run_launcher
    from farhand_agent.host.link_process import user_named
    from farhand_agent.host.lock import StateInUse
    from farhand_agent.host.sandbox import Sandbox

    state = asked.state.absolute()
    _check_registered(state)
    user = user_named("farhand")
    root = sandbox_root(state, environ=os.environ, group=user.gid if user else None)
    flags = dict(asked.interpreter)
    options = _LinkOptions(
        state=state,
        sandbox=Sandbox(root=root, state=root_half(state)),
        slots=asked.slots,
        interpreters=_interpreters(flags),
        becomes_users=os.geteuid() == 0,
    )
    if "grpc" in sys.modules:
        raise RuntimeError("grpc must not be imported before the agent forks")
    try:
        part = own_root_half(state)
        return run_launcher(
            state=part,
            sandbox_root=root,
            link_main=lambda hints: _link(options, hints),
            link_load=_load_link,
            environ=os.environ,
            interpreters=programs(choices(flags, os.environ)),
        )
    except StateInUse as error:
        raise StateError(
            f"another agent runs on {state}",
            why=f"process {error.pid} holds its lock",
            do="stop that one first, or give this one a --state of its own",
        ) from error
    except (NotOurs, OSError) as error:
        raise StateError(
            f"the agent cannot work in {state}",
            why=str(error),
            do="run as the owner of the directory, or choose another one with --state",
        ) from error


def _load_link() -> None:
    import farhand_agent.link.process  # noqa: F401 - for its effect


def _interpreters(flags: Mapping[str, str]) -> list[Interpreter]:
    """Those that can be used; what was named and cannot is said."""
    named = choices(flags, os.environ)
    path = os.environ.get("PATH", "")
    usable = examine_interpreters(find_interpreters(path, chosen=programs(named)))
    for sentence in unusable(named, usable):
        _say(sentence)
    return usable


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinkOptions:
    """What is known before the link loses its rights."""

    state: Path
    sandbox: "Sandbox"
    slots: int
    interpreters: list[Interpreter]
    becomes_users: bool


def _link(options: _LinkOptions, hints: int) -> int:
    from farhand_agent.link import process
    from farhand_agent.link.identity import State

    told = process.Options(
        state=State(options.state),
        sandbox=options.sandbox,
        slots=options.slots,
        interpreters=options.interpreters,
        becomes_users=options.becomes_users,
        environ=os.environ,
    )
    return process.main(told, hints)


def remove(asked: argparse.Namespace) -> int:
    """Leaves the group."""
    from farhand_agent.link.identity import State
    from farhand_agent.link.visit import leave, registered

    state = State(asked.state)
    if asked.local:
        identity = registered(state)
        state.forget()
        _say(f"forgot {identity.worker_name}; the control plane still lists it")
        return 0
    if asked.verbose:
        identity = registered(state)
        _say(f"asking {identity.endpoint} to forget worker id {identity.worker_id}")
    identity = asyncio.run(leave(state, force=asked.force, environ=os.environ))
    _say(f"{identity.worker_name} left group {identity.group}; its key is worth nothing now")
    return 0


def status(asked: argparse.Namespace) -> int:
    """Who this worker is."""
    from farhand_agent.link.identity import State
    from farhand_agent.link.visit import registered

    identity = registered(State(asked.state))
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(identity.registered))
    lines = {
        "worker": identity.worker_name,
        "group": identity.group,
        "account": identity.account,
        "endpoint": identity.endpoint,
        "registered": since,
        "state": str(asked.state),
    }
    for name, value in lines.items():
        print(f"{name:<11} {value}")
    return 0


def session(asked: argparse.Namespace) -> int:
    """A short-lived token, proven by this worker's key."""
    from farhand_agent.link.identity import State
    from farhand_agent.link.visit import look

    visited = asyncio.run(look(State(asked.state), os.environ))
    token = visited.welcome.session_token
    if asked.hello:
        hello = {"workerId": visited.identity.worker_id, "probe": True, "sessionToken": token}
        print(json.dumps({"frames": [{"hello": hello}]}))
    else:
        print(token)
    return 0


def sdk(asked: argparse.Namespace) -> int:
    """Writes what jobs find on their paths."""
    from farhand_agent.host.sdk import place_sdk

    folder = asked.folder.absolute()
    try:
        place_sdk(folder, python=None)
    except OSError as error:
        raise StateError(
            f"{folder} cannot be written", why=str(error), do="choose another directory"
        ) from error
    _say(f"Python: export PYTHONPATH={folder}/python, and put localassets.json beside the runbook")
    return 0


def doctor(asked: argparse.Namespace) -> int:
    """What works and what does not."""
    from farhand_agent.link.doctor import examine
    from farhand_agent.link.identity import State

    healthy = True
    for finding in asyncio.run(examine(State(asked.state), os.environ)):
        healthy = healthy and finding.good
        print(f"{'ok' if finding.good else 'x':<3} {finding.name:<12} {finding.text}")
    return 0 if healthy else 1


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "register": register,
    "run": run,
    "remove": remove,
    "status": status,
    "session": session,
    "doctor": doctor,
    "sdk": sdk,
}


def _check_registered(state: Path) -> None:
    # Only a look: reading it takes cryptography, and this process is about to fork.
    if not (state / "identity.json").exists():
        raise StateError(
            "this machine is not registered",
            why=f"there is no identity in {state}",
            do="farhand-agent register --group GROUP --endpoint HOST:PORT --token TOKEN",
        )


def _token(asked: argparse.Namespace) -> str:
    """The token from wherever it was said to be. Raises AgentError."""
    given: str = asked.token or ""
    source = asked.token_file or (Path(given[1:]) if given.startswith("@") else None)
    try:
        token = sys.stdin.read() if given == "-" else source.read_text() if source else given
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(
            f"the token cannot be read from {source}",
            why=getattr(error, "strerror", None) or "it is not text",
            do="give the file that holds it, or the token itself",
        ) from error
    if not token.strip():
        raise AgentError(
            "the token is empty",
            why="nothing was found where it was said to be",
            do="make one: farhand token create --group GROUP",
        )
    return token.strip()


def _state_option(state: Path) -> str:
    return "" if state == default_state(os.environ) else f" --state {state}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
