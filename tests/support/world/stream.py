"""One stream: ordered both ways, and lost as a whole."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from farhand_server.engine.mailbox import Mailbox
from farhand_server.errors import Refusal
from farhand_server.model.frames import AgentFrame, ServerFrame
from farhand_server.model.identifiers import SessionId, WorkerId


@dataclass(slots=True, kw_only=True, eq=False)
class Stream:
    """Messages on their way. Each end learns by itself that the other one is gone."""

    session: SessionId
    #: Whose agent dialled; None while it joins.
    worker: WorkerId | None = None
    to_server: deque[Sequence[AgentFrame]] = field(default_factory=deque)
    to_agent: deque[Sequence[ServerFrame]] = field(default_factory=deque)
    #: Nothing that the agent says arrives any more.
    deaf_server: bool = False
    #: Nothing that the server says arrives any more.
    deaf_agent: bool = False
    #: The agent sends nothing more; what is on its way still arrives.
    agent_left: bool = False
    #: The server sends nothing more.
    server_left: bool = False
    refusal: Refusal | None = None

    def up(self, message: Sequence[AgentFrame]) -> None:
        if message and not self.deaf_server and not self.server_left:
            self.to_server.append(message)

    def down(self, message: Sequence[ServerFrame]) -> None:
        if message and not self.deaf_agent:
            self.to_agent.append(message)

    def lose(self, *, up: bool = True, down: bool = True) -> None:
        """The connection breaks, or one way of it; frames that were not delivered vanish."""
        if up:
            self.deaf_server = True
            self.to_server.clear()
        if down:
            self.deaf_agent = True
            self.to_agent.clear()

    @property
    def cut(self) -> bool:
        """Nothing arrives any more, in one direction at least."""
        return self.deaf_server or self.deaf_agent

    @property
    def over_for_agent(self) -> bool:
        """Nothing more will come from the server, and it shows."""
        return self.server_left and not self.to_agent and not self.deaf_agent

    @property
    def over_for_server(self) -> bool:
        return self.agent_left and not self.to_server and not self.deaf_server


class StreamBox(Mailbox):
    """A mailbox that the world empties, without waiting."""

    def empty(self) -> list[ServerFrame]:
        """What waits; nothing waits any more."""
        frames, self._frames = self._frames, []
        return frames
