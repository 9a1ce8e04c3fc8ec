"""The link's process: forked by the launcher before grpc was imported, and gone when it is."""

import asyncio
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from farhand_agent.core.frames import RunbookType
from farhand_agent.core.worker import Worker
from farhand_agent.errors import AgentError, WorkerUnknown
from farhand_agent.host import wire
from farhand_agent.host.interpreters import Interpreter
from farhand_agent.host.log import log
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.link.agent import Agent
from farhand_agent.link.facts import gather
from farhand_agent.link.identity import State
from farhand_agent.link.journal import HostJournal
from farhand_agent.link.serve import Service, Surroundings
from farhand_agent.link.session import Self
from farhand_agent.link.visit import registered, roots

#: The launcher ends as well, and systemd does not start it again.
DO_NOT_RESTART = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `farhand-agent run` was asked for."""

    state: State
    sandbox: Sandbox
    slots: int
    interpreters: Sequence[Interpreter]
    #: The runners are root, so that they may start scripts as other users.
    becomes_users: bool
    environ: Mapping[str, str]


def main(options: Options, hints: int) -> int:
    """Serves until SIGTERM. `hints` becomes readable when there may be a new spare runner; at its
    end the launcher is gone. Gives the process's exit code."""
    try:
        asyncio.run(_serve(options, hints))
    except WorkerUnknown as error:
        log(error)
        return DO_NOT_RESTART
    except AgentError as error:
        log(error)
        return 1
    except asyncio.CancelledError:
        return 1
    return 0


async def _serve(options: Options, hints: int) -> None:
    identity = registered(options.state)
    types = frozenset(RunbookType(each.type) for each in options.interpreters)
    worker = Worker(
        slots=options.slots,
        types=types,
        read_ahead=wire.FIRST_CREDIT,
        becomes_users=options.becomes_users,
    )
    journal = HostJournal(state=options.state, identity=identity, sandbox=options.sandbox)
    agent = Agent(
        worker=worker,
        journal=journal,
        sandbox=options.sandbox,
        worker_name=identity.worker_name,
        clock=time.monotonic,
    )
    me = Self(
        identity=identity,
        key=options.state.key(),
        facts=gather(options.interpreters),
        journal_id=options.sandbox.journal_id,
        instance=secrets.token_hex(8),
    )
    around = Surroundings(
        roots=roots(options.state),
        environ=options.environ,
        clock=time.monotonic,
        chance=random.random,
        log=log,
        on_ready=_announcement(f"connected to {identity.endpoint} as {identity.worker_name}"),
    )
    service = Service(agent, me, around)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_crash(asyncio.current_task()))
    loop.add_signal_handler(signal.SIGTERM, service.stop)
    loop.add_reader(hints, _hinted, hints, agent, service)
    await service.run()


def _crash(
    main: "asyncio.Task[None] | None",
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """After an error that nobody expected, a new link starts from what is true; jobs go on."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if main is not None:
            main.cancel()

    return handle


def _hinted(hints: int, agent: Agent, service: Service) -> None:
    if os.read(hints, 4096):
        agent.runners.hinted()
    else:
        asyncio.get_running_loop().remove_reader(hints)
        service.stop()


def _announcement(text: str) -> Callable[[], None]:
    """Says it in the log each time, and once on standard output, for scripts that wait for it."""
    first = True

    def announce() -> None:
        nonlocal first
        if first:
            with suppress(OSError):
                print("connected", flush=True)
        first = False
        log(text)

    return announce
