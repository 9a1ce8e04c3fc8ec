"""Stores, streams and talks that pass a tripwire at every step of theirs."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tests.support.memory import MemoryStateStore, MemoryTx
from tests.support.memory_output import MemoryOutputStore
from tests.support.world.crashes.tripwire import Tripwire, Victim
from tests.support.world.host import FakeHost
from tests.support.world.rows import first_rows
from tests.support.world.runner import Conversation
from tests.support.world.stream import Stream
from tests.support.world.world import World

from farhand_agent.host.wire import Kind, Message
from farhand_server.core import Patience
from farhand_server.model.frames import AgentFrame, ServerFrame
from farhand_server.model.identifiers import SessionId, WorkerId

T = TypeVar("T")


class WiredState(MemoryStateStore):
    def __init__(self, wire: Tripwire) -> None:
        super().__init__(first_rows())
        self._wire = wire

    def _commit(self, tx: MemoryTx) -> None:
        self._wire.reach("before a commit", Victim.SERVER)
        super()._commit(tx)
        self._wire.reach("after a commit", Victim.SERVER)


class WiredOutput(MemoryOutputStore):
    def __init__(self, wire: Tripwire) -> None:
        super().__init__()
        self._wire = wire

    def commit(self) -> None:
        self._wire.reach("before output is committed", Victim.SERVER)
        super().commit()
        self._wire.reach("after output was committed", Victim.SERVER)

    def sync(self) -> None:
        super().sync()
        self._wire.reach("after output was synced", Victim.SERVER)


class Watched(list[T]):
    """A message that somebody may not live to hear the end of."""

    def __init__(self, values: Sequence[T], reach: Callable[[], None]) -> None:
        super().__init__(values)
        self._reach = reach

    def __iter__(self) -> Iterator[T]:
        for value in super().__iter__():
            self._reach()
            yield value
        self._reach()


class WiredStream(Stream):
    """Its ends may die between any two frames: what was said before arrives."""

    wire: Tripwire

    def up(self, message: Sequence[AgentFrame]) -> None:
        said = self._said(message, "the agent says", Victim.AGENT, super().up)
        super().up(Watched(said, lambda: self.wire.reach("the server hears", Victim.SERVER)))

    def down(self, message: Sequence[ServerFrame]) -> None:
        said = self._said(message, "the server says", Victim.SERVER, super().down)
        super().down(Watched(said, lambda: self.wire.reach("the agent hears", Victim.AGENT)))

    def _said(
        self, message: Sequence[T], kind: str, victim: Victim, send: Callable[[Sequence[T]], None]
    ) -> Sequence[T]:
        for sent in range(len(message)):
            try:
                self.wire.reach(kind, victim)
            except BaseException:
                send(message[:sent])
                raise
        return message


class Heard(deque[Message]):
    """Messages of which each may be the last one that is heard."""

    def __init__(self, reach: Callable[[], None]) -> None:
        super().__init__()
        self._reach = reach

    def popleft(self) -> Message:
        self._reach()
        return super().popleft()


class WiredTalk(Conversation):
    """Between a link and a runner."""

    wire: Tripwire

    def ask(self, kind: Kind, data: bytes = b"", **fields: Any) -> None:
        self.wire.reach("before the agent asks a runner", Victim.AGENT)
        super().ask(kind, data, **fields)
        self.wire.reach("after the agent asked a runner", Victim.AGENT)

    def tell(self, kind: Kind, data: bytes = b"", **fields: Any) -> None:
        self.wire.reach("before a runner tells", Victim.RUNNER)
        super().tell(kind, data, **fields)
        self.wire.reach("after a runner told", Victim.RUNNER)


class WiredWorld(World):
    """A world in which a process dies at one moment."""

    def __init__(self, wire: Tripwire) -> None:
        self._wire = wire
        super().__init__(
            patience=Patience(warm=0.0), state=WiredState(wire), output=WiredOutput(wire)
        )

    def wire(self, host: FakeHost) -> None:
        """Its disk, and its talks with runners."""
        keep = host.keep_session_number

        def keep_wired(number: int) -> None:
            self._wire.reach("before the number is kept", Victim.AGENT)
            keep(number)
            self._wire.reach("after the number was kept", Victim.AGENT)

        host.keep_session_number = keep_wired  # type: ignore[method-assign]
        host.talk = self._talk

    def _talk(self) -> Conversation:
        talk = WiredTalk(
            to_runner=Heard(lambda: self._wire.reach("a runner hears", Victim.RUNNER)),
            to_link=Heard(lambda: self._wire.reach("the agent hears a runner", Victim.AGENT)),
        )
        talk.wire = self._wire
        return talk

    def _stream(self, worker: WorkerId | None = None) -> Stream:
        stream = WiredStream(session=SessionId(self._chance(16).hex()), worker=worker)
        stream.wire = self._wire
        return stream
