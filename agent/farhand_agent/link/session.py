"""One stream of a registered worker: a reader, a writer, and the proof in between."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from farhand_agent.core import frames
from farhand_agent.core.effects import EndStream
from farhand_agent.core.events import Connected, Lost, Malformed, Writable
from farhand_agent.errors import AgentError
from farhand_agent.link import proof
from farhand_agent.link.advance import Advance
from farhand_agent.link.agent import Agent, Clock
from farhand_agent.link.backoff import Ended
from farhand_agent.link.convert import BadFrame, journal, server_frame
from farhand_agent.link.facts import boot_id
from farhand_agent.link.identity import Identity
from farhand_agent.link.key import Key
from farhand_agent.link.stream import PARTING_SECONDS, Stream
from farhand_wire.transcript import hello_subject
from farhand_wire.v1 import worker_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """Everything that a Hello says beside what the rules know."""

    identity: Identity
    key: Key
    facts: worker_pb2.Facts
    journal_id: str
    #: Random id of this start of the link.
    instance: str


class Session:
    """The agent's end of one stream."""

    def __init__(
        self,
        agent: Agent,
        stream: Stream,
        self_: Self,
        *,
        advance: Advance,
        clock: Clock,
        on_ready: Callable[[], None],
    ) -> None:
        self._agent = agent
        self._stream = stream
        self._self = self_
        self._advance = advance
        self._clock = clock
        self._on_ready = on_ready
        self._claim: proof.Claim | None = None
        self._waiting: list[worker_pb2.AgentFrame] = []
        self._wake = asyncio.Event()
        self._over = False
        self._order: EndStream | None = None
        self._ready_since: float | None = None

    async def run(self) -> None:
        """From Hello to the end of the stream. Raises Unreachable, Refused; returns if the end was
        clean, or ours."""
        self._agent.line = self
        self._agent.feed(Connected())
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        except AgentError:
            if self._order is None:
                raise
        finally:
            self._agent.line = None
            self._agent.feed(Lost())
            self._over = True
            self.wake()
            await writer

    @property
    def order(self) -> EndStream | None:
        """Why the rules ended the stream, if they did."""
        return self._order

    @property
    def stood(self) -> bool:
        """Whether there was a Welcome."""
        return self._ready_since is not None

    def ended(
        self, *, broke_off: bool = False, refused: bool = False, held_up: bool = False
    ) -> Ended:
        """How it went, for the next delay. `broke_off`: neither side had wanted that. `refused`:
        the server did not take what was said."""
        up = None if self._ready_since is None else self._clock() - self._ready_since
        wish = self._order.retry_after_seconds if self._order else None
        fault = self._order is not None and self._order.fault
        carried = self._stream.sent_bytes if self._advance.take() and broke_off else 0
        return Ended(
            up_seconds=up,
            carried_bytes=carried,
            retry_after_seconds=wish,
            held_up=held_up,
            refused=refused or fault,
        )

    # ---- agent.Line ------------------------------------------------------------------------

    def greet(self, hello: frames.Hello) -> None:
        me = self._self
        client_nonce = proof.nonce()
        worker_id = me.identity.worker_id
        subject = hello_subject(worker_id=worker_id, session_number=hello.session_number)
        self._claim = proof.Claim(key=me.key, client_nonce=client_nonce, subject=subject)
        message = worker_pb2.Hello(
            worker_id=worker_id,
            session_number=hello.session_number,
            client_nonce=client_nonce,
            boot_id=boot_id(),
            journal_id=me.journal_id if hello.complete else "",
            instance=me.instance,
            facts=me.facts,
            slots=hello.slots,
            journal=journal(hello.journal),
        )
        self.send(worker_pb2.AgentFrame(hello=message))

    def send(self, frame: worker_pb2.AgentFrame) -> None:
        self._waiting.append(frame)

    def wake(self) -> None:
        self._wake.set()

    def end(self, order: EndStream) -> None:
        if self._order is None:
            self._order = order
            # A dead stream takes nothing any more, so not even the Goodbye may wait for long.
            self._stream.give_up_after(2 * PARTING_SECONDS, order.reason)

    # ---- reading and writing ---------------------------------------------------------------

    async def _read(self) -> None:
        while (message := await self._stream.receive()) is not None:
            for frame in message:
                self._heard(frame)
            if self._ready_since is None and self._agent.ready:
                self._ready_since = self._clock()
                self._on_ready()

    def _heard(self, frame: worker_pb2.ServerFrame) -> None:
        kind = frame.WhichOneof("frame")
        self._advance.heard(kind, frame)
        try:
            if kind == "challenge":
                self._prove(frame.challenge)
            else:
                self._agent.feed(server_frame(frame))
        except BadFrame as error:
            self._agent.feed(Malformed(reason=str(error)))

    def _prove(self, challenge: worker_pb2.Challenge) -> None:
        claim, self._claim = self._claim, None
        if claim is None:
            raise BadFrame("the server asked twice for a proof")
        self.send(claim.prove(challenge))
        self.wake()

    async def _write(self) -> None:
        """Sends everything that waits as one message, until nothing waits."""
        while not self._over:
            await self._wake.wait()
            self._wake.clear()
            while message := self._next():
                if not await self._stream.send(message):
                    return
            if self._order is not None:
                await self._stream.part()
                return

    def _next(self) -> list[worker_pb2.AgentFrame]:
        if not self._over:
            self._agent.feed(Writable())
        message, self._waiting = self._waiting, []
        return message
