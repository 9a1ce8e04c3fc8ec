"""Who hears what an output writer has to say, and keeps it."""

from collections.abc import Sequence

from farhand_server.engine.writer import Stored
from farhand_server.model import frames
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.output import Extent, SpoolId


class Audience:
    """Implements writer.Audience; `said` holds the names of what was called, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.news: list[Stored] = []
        self.synced: dict[SpoolId, Extent] = {}
        self.resends: list[tuple[SessionId, SpoolId, int]] = []
        self.ends: list[tuple[SessionId, frames.Result, Extent]] = []
        self.problems: list[tuple[SessionId, str]] = []
        self.gone: list[JobId] = []
        self.errors: list[Exception] = []

    def stored(self, news: Sequence[Stored]) -> None:
        self.said.append("stored")
        self.news += news

    def durable(self, extents: Sequence[tuple[SpoolId, Extent]]) -> None:
        self.said.append("durable")
        self.synced.update(extents)

    def missing(self, session: SessionId, spool: SpoolId, size: int) -> None:
        self.said.append("missing")
        self.resends.append((session, spool, size))

    def sealed(self, session: SessionId, result: frames.Result, extent: Extent) -> None:
        self.said.append("sealed")
        self.ends.append((session, result, extent))

    def refused(self, session: SessionId, reason: str) -> None:
        self.said.append("refused")
        self.problems.append((session, reason))

    def violated(self, session: SessionId, reason: str) -> None:
        self.said.append("violated")
        self.problems.append((session, reason))

    def removed(self, job: JobId) -> None:
        self.said.append("removed")
        self.gone.append(job)

    def failed(self, error: Exception) -> None:
        self.said.append("failed")
        self.errors.append(error)
