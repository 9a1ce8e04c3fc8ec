"""`farhand-agent` as a process, the way people start it."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DEADLINE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command said."""

    status: int
    stdout: str
    stderr: str


def environment(home: Path) -> dict[str, str]:
    """Nothing of the developer's own agent."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FARHAND")}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}


async def command(home: Path, *argv: str, stdin: str = "", **environ: str) -> Outcome:
    """Runs one command to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "farhand_agent",
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environment(home), **environ},
    )
    async with asyncio.timeout(DEADLINE):
        stdout, stderr = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Outcome(status=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what nobody announces."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Lines:
    """A file that somebody else writes, line by line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._begun = b""

    async def next(self) -> str:
        """The next line, as soon as it is whole."""
        async with asyncio.timeout(DEADLINE):
            while not self._begun.endswith(b"\n"):
                await asyncio.sleep(0.005)
                self._begun += self._file.readline()
        line, self._begun = self._begun, b""
        return line.decode().rstrip("\n")

    def close(self) -> None:
        self._file.close()


class RunningAgent:
    """`farhand-agent run`, until it is stopped or killed.

    It writes to files: runners that outlive it would keep a pipe open."""

    def __init__(self, process: asyncio.subprocess.Process, out: Path, log: Path) -> None:
        self._process = process
        self._out = Lines(out)
        self._log = Lines(log)

    @classmethod
    async def start(cls, home: Path, state: Path, *argv: str, **environ: str) -> "RunningAgent":
        name = f"agent-{secrets.token_hex(4)}"
        out, log = home / f"{name}.out", home / f"{name}.log"
        with out.open("wb") as stdout, log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "farhand_agent", "run", "--state", str(state), *argv),
                stdout=stdout,
                stderr=stderr,
                env={**environment(home), **environ},
            )
        return cls(process, out, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def line(self) -> str:
        """The next line on standard output."""
        return await self._out.next()

    async def log_line(self) -> str:
        """The next line on standard error."""
        return await self._log.next()

    async def log_until(self, part: str) -> str:
        """The next line on standard error that holds `part`."""
        while part not in (line := await self.log_line()):
            pass
        return line

    async def ended(self) -> int:
        """Its exit status, when it has ended."""
        async with asyncio.timeout(DEADLINE):
            return await self._process.wait()

    async def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Tells it to end; its exit status."""
        if self._process.returncode is None:
            self._process.send_signal(with_signal)
        return await self.ended()

    async def close(self) -> None:
        await self.stop()
        self._out.close()
        self._log.close()
