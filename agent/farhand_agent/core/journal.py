"""What the host remembers, whatever happens to the agent's processes."""

from typing import Protocol

from farhand_agent.core.frames import AttemptId


class Journal(Protocol):
    """The durable truth that the rules may ask for."""

    @property
    def session_number(self) -> int:
        """The number that the server issued last; shown in the next Hello."""
        ...

    def knows(self, id_: AttemptId) -> bool:
        """Whether a sandbox of this attempt exists: it ran, runs, or is void."""
        ...
