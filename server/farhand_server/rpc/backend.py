"""What the handlers stand on: the rules to ask, the store to look into, the wires to listen on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from farhand_server.core.events import CallId, Event
from farhand_server.core.ports import Chance
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.ports import Clock, Queries
from farhand_server.engine.switchboard import Switchboard
from farhand_server.model.identifiers import SessionId

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


class Rules(Protocol):
    """The part of the engine that the edge talks to."""

    async def ask(self, make: Callable[[CallId], Event]) -> object: ...
    def tell(self, event: Event) -> None: ...
    def lose(self, session: SessionId, *, clean: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One for all services."""

    rules: Rules
    desk: OutputDesk
    switchboard: Switchboard
    queries: Queries
    clock: Clock
    chance: Chance

    async def ask(self, kind: type[Value], make: Callable[[CallId], Event]) -> Value:
        """The answer to a call, which is a `kind`. Raises Refusal."""
        value = await self.rules.ask(make)
        assert isinstance(value, kind), f"answered with {type(value).__name__}"
        return value

    async def look(
        self,
        read: Callable[Arguments, Value],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Value:
        """Runs a blocking read beside the loop."""
        return await asyncio.to_thread(read, *args, **kwargs)
