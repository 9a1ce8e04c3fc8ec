"""Many network halves of agents in this process, for what only happens to many."""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from farhand_agent.core.frames import RunbookType
from farhand_agent.core.worker import Worker
from farhand_agent.host.interpreters import Interpreter
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.link import endpoint as endpoints
from farhand_agent.link.agent import Agent
from farhand_agent.link.facts import gather
from farhand_agent.link.identity import State
from farhand_agent.link.journal import HostJournal
from farhand_agent.link.register import Registration, register
from farhand_agent.link.serve import Service, Surroundings
from farhand_agent.link.session import Self
from farhand_agent.link.visit import registered, roots

BASH = frozenset({RunbookType.BASH})
INTERPRETER = Interpreter(type="bash", path="/bin/bash")


@dataclass(slots=True)
class Member:
    """One agent without runners: it connects, and tells when."""

    service: Service
    #: When it was ready for jobs, each time.
    ready: list[float] = field(default_factory=list)


@contextlib.asynccontextmanager
async def fleet(
    root: Path, *, count: int, endpoint: str, ca: Path, token: str, group: str
) -> AsyncIterator[list[Member]]:
    """So many members of a group, connected or on their way."""
    members = []
    for number in range(count):
        state = State(root / f"host{number}")
        await register(
            Registration(
                endpoint=endpoints.parse(endpoint),
                token=token,
                group=group,
                worker_name=f"host{number}",
                facts=gather([INTERPRETER]),
                ca=ca,
            ),
            state,
            environ={},
            say=lambda line: None,
        )
        members.append(_member(state))
    async with asyncio.TaskGroup() as running:
        for member in members:
            running.create_task(member.service.run())
        try:
            yield members
        finally:
            for member in members:
                member.service.stop()


def _member(state: State) -> Member:
    sandbox = Sandbox(root=state.path / "sandbox", state=state.path)
    sandbox.make("this boot")
    identity = registered(state)
    agent = Agent(
        worker=Worker(slots=1, types=BASH, read_ahead=65536),
        journal=HostJournal(state=state, identity=identity, sandbox=sandbox),
        sandbox=sandbox,
        worker_name=identity.worker_name,
        clock=time.monotonic,
    )
    ready: list[float] = []
    around = Surroundings(
        roots=roots(state),
        environ={},
        clock=time.monotonic,
        chance=random.random,
        log=lambda line: None,
        on_ready=lambda: ready.append(time.monotonic()),
    )
    me = Self(
        identity=identity,
        key=state.key(),
        facts=gather([INTERPRETER]),
        journal_id=sandbox.journal_id,
        instance=secrets.token_hex(8),
    )
    return Member(Service(agent, me, around), ready)
