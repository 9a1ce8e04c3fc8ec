"""What waits for one worker's stream: frames leave together, in order."""

import asyncio
from collections.abc import Sequence

from farhand_server.errors import Refusal
from farhand_server.model.frames import ServerFrame


class Mailbox:
    """One writer takes everything that waits; `end` lets it finish and close. Loop thread only."""

    def __init__(self) -> None:
        self._frames: list[ServerFrame] = []
        self._news = asyncio.Event()
        self._ended = False
        self.refusal: Refusal | None = None

    def put(self, frame: ServerFrame) -> None:
        """Adds a frame; after the end it is dropped, as a lost connection would drop it."""
        if not self._ended:
            self._frames.append(frame)
            self._news.set()

    def end(self, refusal: Refusal | None = None) -> None:
        """What waits still leaves, then the stream ends: in order, or with a refusal."""
        if not self._ended:
            self._ended = True
            self.refusal = refusal
            self._news.set()

    @property
    def waiting(self) -> int:
        """Frames that are not taken yet."""
        return len(self._frames)

    @property
    def ended(self) -> bool:
        return self._ended

    async def take(self) -> Sequence[ServerFrame]:
        """Everything that waits, at least one frame; empty once the box has ended."""
        await self._news.wait()
        frames, self._frames = self._frames, []
        if not self._ended:
            self._news.clear()
        return frames
