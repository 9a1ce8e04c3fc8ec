"""A runner's socket without a runner: the test says what it says, and reads what it was told."""

import asyncio
from pathlib import Path
from typing import Any

from farhand_agent.core.frames import AttemptId
from farhand_agent.host import wire

DEADLINE = 10.0


class FakeRunner:
    """Listens where a runner would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._heard: asyncio.Queue[wire.Message] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def listen(self) -> "FakeRunner":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._begin, str(self.path))
        return self

    async def told(self, kind: wire.Kind) -> wire.Message:
        """The next message, which must be of this kind."""
        async with asyncio.timeout(DEADLINE):
            message = await self._heard.get()
        assert message.kind is kind, message
        return message

    def say(self, kind: wire.Kind, **fields: Any) -> None:
        self.write(wire.pack(kind, **fields))

    def state(self, id_: AttemptId | None, phase: str = "running", size: int = 0) -> None:
        """Answers WHAT."""
        if id_ is None:
            self.say(wire.Kind.STATE, job_id="", attempt=0, phase="spare", size=0)
        else:
            self.say(
                wire.Kind.STATE, job_id=id_.job_id, attempt=id_.attempt, phase=phase, size=size
            )

    def write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.close()

    async def close(self) -> None:
        """Nobody listens there any more."""
        assert self._server is not None
        self._server.close()
        if self._writer is not None:
            self._writer.close()
        await asyncio.gather(*self._talks)
        self.path.unlink(missing_ok=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.get_running_loop().create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        decoder = wire.Decoder()
        while data := await reader.read(65536):
            for message in decoder.feed(data):
                self._heard.put_nowait(message)
        writer.close()
