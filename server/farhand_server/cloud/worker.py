"""The server's side of its own worker: it starts the keeper, and hears what becomes of it."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from farhand_server.cloud.user import PASSED
from farhand_server.errors import Refusal
from farhand_server.model.worker import CLOUD
from farhand_server.settings import split

log = structlog.get_logger("farhand.cloud")

#: The worker's name, which no other should have: it takes the place of one that does.
WORKER = "control-plane"
#: Why there is none.
SWITCHED_OFF = "the control plane was started with --no-cloud"
#: A keeper that ended by itself is started again after this.
AGAIN_SECONDS = 5.0
#: More than a keeper gives its agent.
STOP_SECONDS = 20.0
#: Life of a token; it is given again for half of that.
TOKEN_SECONDS = 3600
_ANY = ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the worker lives, and whom it dials."""

    data: Path
    folder: Path
    listen: str
    port: int
    ca_sha256: str

    @property
    def endpoint(self) -> str:
        host = split(self.listen)[0]
        host = "localhost" if host in _ANY else host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def command(self) -> Sequence[str]:
        """Of the keeper. No secret stands here."""
        return (
            *(sys.executable, "-P", "-m", "farhand_server.cloud.keeper"),
            *("--folder", str(self.folder), "--data", str(self.data)),
            *("--endpoint", self.endpoint, "--ca-sha256", self.ca_sha256),
            *("--group", CLOUD, "--worker", WORKER),
        )


@contextlib.asynccontextmanager
async def cloud_worker(
    command: Sequence[str],
    *,
    token: Callable[[], Awaitable[str]],
    away: Callable[[str], None],
) -> AsyncIterator[None]:
    """The worker, as long as it is wanted. `token` makes a registration token for its group; `away`
    hears why there is no worker, and "" when there is."""
    keeping = _Keeping(command, token=token, away=away)
    task = asyncio.create_task(keeping.run())
    try:
        yield
    finally:
        keeping.stop()
        done, _ = await asyncio.wait([task], timeout=STOP_SECONDS)
        if not done:
            task.cancel()


class _Keeping:
    """One keeper after the other, until it is stopped, or one refuses."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        token: Callable[[], Awaitable[str]],
        away: Callable[[str], None],
    ) -> None:
        self._command = command
        self._token = token
        self._away = away
        self._stopping = asyncio.Event()
        self._stdin: asyncio.StreamWriter | None = None
        #: A token that nobody has joined with yet, as far as is known, and until when it is given.
        self._unused: tuple[str, float] | None = None

    def stop(self) -> None:
        """The keeper ends its agent, in order, when it hears no more."""
        self._stopping.set()
        if self._stdin is not None:
            self._stdin.close()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                if await self._keep():
                    return
            except OSError as error:
                self._away(f"its own worker cannot be started: {error}")
                log.error("the cloud worker cannot be started", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), AGAIN_SECONDS)

    async def _keep(self) -> bool:
        """One keeper to its end; whether there is to be no other."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={name: os.environ[name] for name in PASSED if name in os.environ},
            cwd="/",
            # Ctrl-C is for the server, which ends the keeper in order.
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        self._stdin = process.stdin
        if self._stopping.is_set():
            self._stdin.close()
        refused = False
        while line := await process.stdout.readline():
            refused = await self._heard(line) or refused
        code = await process.wait()
        if not (refused or self._stopping.is_set()):
            self._away("the process that keeps its own worker has ended")
            log.error("the keeper of the cloud worker ended", code=code)
        return refused

    async def _heard(self, line: bytes) -> bool:
        """Whether the keeper refuses to run a worker."""
        match _message(line):
            case {"refused": {"what": what, "why": why, "do": do}}:
                log.warning("no cloud worker", what=what, why=why, do=do)
                self._away(f"{what}; {why}")
                return True
            case {"wants": "token"}:
                await self._answer()
            case {"runs": user}:
                self._unused = None
                log.info("cloud worker started", user=user)
                self._away("")
            case {"ended": why} if not self._stopping.is_set():
                log.warning("cloud worker ended", why=why)
                self._away(f"the control plane's own worker has ended: {why}")
            case None:
                text = line.decode("utf-8", "replace")
                log.error("the keeper of the cloud worker failed", text=text)
        return False

    async def _answer(self) -> None:
        assert self._stdin is not None
        try:
            self._stdin.write(f"{await self._joining()}\n".encode())
            await self._stdin.drain()
        except (Refusal, OSError) as error:
            log.warning("no token for the cloud worker", error=str(error))
            self._stdin.close()

    async def _joining(self) -> str:
        """A worker that cannot join must not fill the list of tokens. Raises Refusal."""
        now = asyncio.get_running_loop().time()
        if self._unused is None or self._unused[1] <= now:
            self._unused = (await self._token(), now + TOKEN_SECONDS / 2)
        return self._unused[0]


def _message(line: bytes) -> Any:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
