"""Stays connected, for as long as it takes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from farhand_agent.core.events import ConnectDue, ShutdownRequested
from farhand_agent.errors import Refused, Unreachable, WorkerUnknown
from farhand_agent.link import backoff, proxy
from farhand_agent.link import endpoint as endpoints
from farhand_agent.link.advance import Advance
from farhand_agent.link.agent import Agent, Clock
from farhand_agent.link.backoff import Ended
from farhand_agent.link.ceiling import Ceiling
from farhand_agent.link.reach import reach
from farhand_agent.link.refusal import HELD_UP
from farhand_agent.link.session import Self, Session
from farhand_agent.link.visit import open_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the loop takes from the world."""

    roots: bytes | None
    environ: Mapping[str, str]
    clock: Clock
    #: 0 to 1.
    chance: Callable[[], float]
    #: For people who read the agent's log.
    log: Callable[[str], None]
    #: Called each time that jobs may be offered.
    on_ready: Callable[[], None]


class Service:
    """One session after the other, until it is told to stop."""

    def __init__(self, agent: Agent, self_: Self, around: Surroundings) -> None:
        self._agent = agent
        self._self = self_
        self._around = around
        self._stopping = asyncio.Event()
        #: What was logged since the last good session.
        self._told: set[str] = set()
        self._advance = Advance()
        self._ceiling = Ceiling()
        #: The last stream ended as it had to: the next one is no news.
        self._expected = False

    def stop(self) -> None:
        """Says goodbye; jobs go on in their runners."""
        self._stopping.set()
        self._agent.feed(ShutdownRequested())
        self._agent.dial.set()

    async def run(self) -> None:
        """Returns when it was stopped. Raises WorkerUnknown: there is nothing to come back to."""
        self._agent.runners.survey()
        failures = 0
        try:
            while not self._stopping.is_set():
                self._agent.dial.clear()
                self._agent.feed(ConnectDue())
                await self._agent.dial.wait()
                if self._stopping.is_set():
                    break
                ended = await self._one()
                failures = backoff.next_failures(failures, ended)
                await self._pause(backoff.delay_seconds(failures, ended, self._around.chance))
        finally:
            self._agent.runners.hang_up()

    async def _one(self) -> Ended:
        around = self._around
        identity = self._self.identity
        async with open_stream(
            identity.endpoint, roots=around.roots, environ=around.environ
        ) as stream:
            session = Session(
                self._agent,
                stream,
                self._self,
                advance=self._advance,
                clock=around.clock,
                on_ready=self._ready,
            )
            try:
                await session.run()
                self._tell(session.order.reason if session.order else "the server ended it")
            except WorkerUnknown:
                raise
            except Refused as error:
                self._tell(error.line)
                return session.ended(refused=True, held_up=error.reason in HELD_UP)
            except Unreachable as error:
                self._expected = session.stood and self._ceiling.explains(stream.sent_bytes)
                if not self._expected:
                    await self._tell_why(error, session)
                elif words := self._ceiling.words():
                    around.log(words)
                return session.ended(broke_off=True)
        return session.ended()

    async def _tell_why(self, error: Unreachable, session: Session) -> None:
        """In words: gRPC hides why a dial or a handshake fails. Once, for a second dial costs the
        server as much as the first."""
        if error.line in self._told:
            return
        endpoint = endpoints.parse(self._self.identity.endpoint)
        # Only the words are kept: an error that a frame of its own traceback holds would keep the
        # call alive, and with it a channel that connects again beside the next one.
        cause = error.line
        if not session.stood and not proxy.proxy_for(self._around.environ, endpoint):
            try:
                await reach(endpoint, roots=self._around.roots)
            except Unreachable as found:
                cause = found.line
        self._tell(cause)
        self._told.add(error.line)

    def _ready(self) -> None:
        self._told.clear()
        if not self._expected:
            self._around.on_ready()
        self._expected = False

    def _tell(self, cause: str) -> None:
        """Each cause once: an agent that cannot connect must not fill the disk with it."""
        if cause not in self._told and not self._stopping.is_set():
            self._told.add(cause)
            self._around.log(f"not connected: {cause}; jobs go on, trying again until it works")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass
