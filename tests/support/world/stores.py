"""What a world asks of the stores that outlive its server, beside what the server does."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from tests.support.memory import Failure, Tables

from farhand_server.engine.desk import Shelf
from farhand_server.engine.ports import OutputStore, StateStore
from farhand_server.model.clock import UnixMs
from farhand_server.model.job import Job
from farhand_server.model.output import SpoolId


class State(StateStore, Protocol):
    """A state store that a world can look into."""

    fail_next: deque[Failure]
    #: How many there were.
    commits: int
    #: Every change of a job that was committed, in order.
    history: list[tuple[Job | None, Job]]

    @property
    def tables(self) -> Tables: ...

    def crash(self) -> None:
        """Its process dies: what was not committed never was."""
        ...

    def back_up(self) -> Any:
        """What is committed now."""
        ...

    def go_back(self, saved: Any, now: UnixMs) -> None:
        """To a backup, as a restore does: workers may know more than these rows."""
        ...


class Output(OutputStore, Protocol):
    """An output store of which a world knows what would survive."""

    fail_next: deque[Failure]

    def power_loss(self) -> None:
        """Only what was synced is left."""
        ...

    def back_up(self) -> Any:
        """What is committed now."""
        ...

    def go_back(self, saved: Any) -> None:
        """To a backup: all of it, and nothing else, is here and safe."""
        ...

    @property
    def has_undurable(self) -> bool:
        """Whether a loss of power would take anything."""
        ...

    def spools(self) -> list[SpoolId]:
        """Everything of which a byte is committed."""
        ...

    def committed(self, spool: SpoolId) -> bytes: ...
    def durable(self, spool: SpoolId) -> bytes: ...
    def reader(self) -> Shelf: ...


@dataclass(frozen=True, kw_only=True)
class Backup:
    """State and output at a moment. To be restored once: the numbers that a restore sets aside are
    those above the numbers of the backup."""

    state: Any
    output: Any
