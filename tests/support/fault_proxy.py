"""A TCP proxy that fails on purpose: what networks do to agents, servers and operators.

In a program: `async with FaultProxy(to).serving() as proxy: await proxy.set(CUT)`. As a process:

    python -m tests.support.fault_proxy --listen 127.0.0.1:0 --to HOST:PORT [--control SOCKET]

says `listening HOST:PORT`, then takes one fault a line ("cut", "delay 200") on standard input and
on the control socket, and answers `ok`, `error: ...`, or to "status" what it sees. It ends with its
standard input, or, if it has a control socket, when it is killed.
"""

import argparse
import asyncio
import contextlib
import enum
import socket
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

CHUNK = 16 * 1024
#: Chunks under way in one direction; behind them the sender feels the back-pressure.
UNDER_WAY = 16
Address = tuple[str, int]


class Mode(enum.StrEnum):
    """What happens to every connection: those that live, and those that come."""

    PASS = "pass"
    #: Resets them.
    CUT = "cut"
    #: Loses everything both ways; neither end is told. A connection that loses never recovers.
    HALF_OPEN = "half-open"
    #: Loses what clients send.
    LOSE_UP = "lose-up"
    #: Loses what servers send.
    LOSE_DOWN = "lose-down"
    #: Reads nothing: who sends has to wait.
    STALL = "stall"
    #: Everything arrives so many ms later.
    DELAY = "delay"
    #: So many bytes a second, in each direction of each connection.
    RATE = "rate"
    #: Resets a connection when its client has sent so many bytes.
    DROP_AFTER = "drop-after"
    #: Lets those that live live, and refuses those that come.
    REFUSE = "refuse"


_MEASURED = (Mode.DELAY, Mode.RATE, Mode.DROP_AFTER)


@dataclass(frozen=True, slots=True)
class Fault:
    """A mode, and how much of it where that is a question."""

    mode: Mode
    amount: int = 0

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Raises ValueError."""
        words = text.split()
        mode = Mode(words[0] if words else "")
        if len(words) != 1 + (mode in _MEASURED):
            raise ValueError(f"{mode} takes {'one number' if mode in _MEASURED else 'no number'}")
        amount = int(words[1]) if mode in _MEASURED else 0
        if amount < 1 and mode in _MEASURED:
            raise ValueError(f"{mode} takes a number above 0")
        return cls(mode, amount)


PASS = Fault(Mode.PASS)
CUT = Fault(Mode.CUT)
HALF_OPEN = Fault(Mode.HALF_OPEN)
LOSE_UP = Fault(Mode.LOSE_UP)
LOSE_DOWN = Fault(Mode.LOSE_DOWN)
STALL = Fault(Mode.STALL)
REFUSE = Fault(Mode.REFUSE)


class Way:
    """One direction of one connection."""

    def __init__(
        self, proxy: "FaultProxy", source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        self.carried = 0
        #: Everything is lost, from now on and for ever: what follows a hole is worth nothing.
        self.lost = False
        self._proxy = proxy
        self._source = source
        self._sink = sink
        self._under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)

    async def take(self) -> None:
        """Reads until the sender ends, as far as the fault lets it."""
        now = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await self._source.read(CHUNK)
            except OSError:
                if not self.lost:
                    raise
                data = b""
            await self._proxy.flowing.wait()
            await self._under_way.put((now() + self._proxy.amount(Mode.DELAY) / 1000, data))

    async def give(self, most: Mode | None) -> None:
        """Passes on what was read, its end too. Raises ConnectionResetError after `most`."""
        loop = asyncio.get_running_loop()
        while True:
            due, data = await self._under_way.get()
            await asyncio.sleep(due - loop.time())
            if not self.lost:
                limit = self._proxy.amount(most) if most else 0
                room = max(0, limit - self.carried) if limit else len(data)
                await self._pass_on(data[:room])
                if room < len(data):
                    raise ConnectionResetError("it carried what it may")
            if not data:
                return

    async def _pass_on(self, data: bytes) -> None:
        if data:
            self.carried += len(data)
            self._sink.write(data)
            await self._sink.drain()
            if rate := self._proxy.amount(Mode.RATE):
                await asyncio.sleep(len(data) / rate)
        elif not self._sink.is_closing():
            with contextlib.suppress(OSError):  # the other end may be gone already
                self._sink.write_eof()


class Connection:
    """A client, a server, and a way for each of them."""

    def __init__(
        self,
        proxy: "FaultProxy",
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.up = Way(proxy, client[0], server[1])
        self.down = Way(proxy, server[0], client[1])
        self._writers = (client[1], server[1])

    def suffer(self, mode: Mode) -> None:
        """A fault begins."""
        self.up.lost |= mode in (Mode.HALF_OPEN, Mode.LOSE_UP)
        self.down.lost |= mode in (Mode.HALF_OPEN, Mode.LOSE_DOWN)
        if mode is Mode.CUT:
            self.reset()

    def reset(self) -> None:
        """Both ends see ECONNRESET."""
        for writer in self._writers:
            reset(writer)

    async def carry(self) -> None:
        """Until both ends have ended, or one of them broke off."""
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self.up.take())
                ways.create_task(self.up.give(Mode.DROP_AFTER))
                ways.create_task(self.down.take())
                ways.create_task(self.down.give(None))
        except* OSError:
            self.reset()
        finally:
            for writer in self._writers:
                writer.close()


class FaultProxy:
    """Carries connections to one address, and one fault at a time."""

    def __init__(self, to: Address, *, listen: Address = ("127.0.0.1", 0)) -> None:
        self.live: set[Connection] = set()
        #: Connections that ever came.
        self.accepted = 0
        self.fault = PASS
        self.flowing = asyncio.Event()
        self.address = listen
        self._to = to
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self.address[1]

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["FaultProxy"]:
        # Bound, and listening only while it may: a port that refuses is still ours.
        with _bound(self.address) as holder:
            self.address = holder.getsockname()[:2]
            await self.set(self.fault)
            try:
                yield self
            finally:
                self._refuse()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def set(self, fault: Fault) -> None:
        """From now on this fault, and no other."""
        self.fault = fault
        for connection in list(self.live):
            connection.suffer(fault.mode)
        if fault.mode is Mode.STALL:
            self.flowing.clear()
        else:
            self.flowing.set()
        if fault.mode is Mode.REFUSE:
            self._refuse()
        elif self._listener is None:
            self._listener = await asyncio.start_server(self._begin, sock=_bound(self.address))

    def amount(self, mode: Mode) -> int:
        """How much of `mode` there is at the moment."""
        return self.fault.amount if self.fault.mode is mode else 0

    def status(self) -> str:
        up, down = (sum(getattr(c, way).carried for c in self.live) for way in ("up", "down"))
        words = f"{self.fault.mode} {self.fault.amount}" if self.fault.amount else self.fault.mode
        return f"{words}: live={len(self.live)} accepted={self.accepted} up={up} down={down}"

    def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(*self._to)
        except (OSError, asyncio.CancelledError) as error:
            reset(writer)
            if isinstance(error, OSError):
                return
            raise
        connection = Connection(self, (reader, writer), server)
        self.live.add(connection)
        connection.suffer(self.fault.mode)
        try:
            await connection.carry()
        finally:
            self.live.discard(connection)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST instead of FIN."""
    if not writer.is_closing():
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def address(text: str) -> Address:
    """HOST:PORT."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def _bound(to: Address) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(to)
    return bound


async def _obey(proxy: FaultProxy, line: bytes) -> str:
    try:
        if line.strip() == b"status":
            return proxy.status()
        await proxy.set(Fault.parse(line.decode()))
    except ValueError as error:
        return f"error: {error}"
    return "ok"


async def _run(options: argparse.Namespace) -> None:
    async def control(lines: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        async for line in lines:
            answers.write(f"{await _obey(proxy, line)}\n".encode())
        answers.close()

    async with FaultProxy(options.to, listen=options.listen).serving() as proxy:
        if options.control:
            await asyncio.start_unix_server(control, options.control)
        print(f"listening {proxy.address[0]}:{proxy.port}", flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        async for line in lines:
            print(await _obey(proxy, line), flush=True)
        if options.control:
            await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="a TCP proxy that fails on purpose")
    parser.add_argument("--listen", type=address, default=("127.0.0.1", 0))
    parser.add_argument("--to", type=address, required=True)
    parser.add_argument("--control", metavar="SOCKET")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
