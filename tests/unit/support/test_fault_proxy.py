"""The proxy fails as it is told to, and in no other way."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.fault_proxy import (
    CUT,
    HALF_OPEN,
    LOSE_DOWN,
    LOSE_UP,
    PASS,
    REFUSE,
    STALL,
    Fault,
    FaultProxy,
    Mode,
)

DEADLINE = 60.0


class Echo:
    """A server that answers every byte in upper case, and keeps what it was sent."""

    def __init__(self) -> None:
        self.heard = b""
        self.port = 0
        self.ends: list[str] = []
        self._news = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Echo"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()

    async def hears(self, size: int) -> None:
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= size)

    async def ended(self) -> str:
        """How the first connection that ended did."""
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(lambda: bool(self.ends))
            return self.ends[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = "closed"
        try:
            while data := await reader.read(65536):
                async with self._news:
                    self.heard += data
                    self._news.notify_all()
                writer.write(data.upper())
                await writer.drain()
        except ConnectionError:
            end = "reset"
        writer.close()
        async with self._news:
            self.ends.append(end)
            self._news.notify_all()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, proxy: FaultProxy) -> "Client":
        return cls(*await asyncio.open_connection(*proxy.address))

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def hear(self, size: int) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self._reader.readexactly(size)

    async def talks(self) -> None:
        await self.say(b"hello")
        assert await self.hear(5) == b"HELLO"

    async def hears_nothing(self) -> None:
        assert not self._reader.at_eof()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await self._reader.readexactly(1)

    async def is_reset(self) -> bool:
        try:
            async with asyncio.timeout(DEADLINE):
                while await self._reader.read(65536):
                    pass
        except ConnectionResetError:
            return True
        finally:
            self.close()
        return False

    async def end(self) -> bytes:
        """Half-closes; everything that still comes."""
        self._writer.write_eof()
        async with asyncio.timeout(DEADLINE):
            rest = await self._reader.read(-1)
        self.close()
        return rest

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with Echo().serving() as server:
        yield server


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(("127.0.0.1", echo.port)).serving() as proxy:
        yield proxy


async def test_it_passes_bytes_and_their_end_both_ways(proxy: FaultProxy) -> None:
    client = await Client.dial(proxy)
    await client.talks()

    assert await client.end() == b""


async def test_several_clients_go_through_one_proxy(proxy: FaultProxy) -> None:
    clients = [await Client.dial(proxy) for _ in range(5)]
    for client in clients:
        await client.talks()

    assert (len(proxy.live), proxy.accepted) == (5, 5)
    for client in clients:
        client.close()


async def test_a_cut_resets_both_ends_and_whoever_comes(proxy: FaultProxy, echo: Echo) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(CUT)

    assert await client.is_reset()
    assert await echo.ended() == "reset"
    assert await (await Client.dial(proxy)).is_reset()


async def test_after_a_cut_connections_are_whole_again(proxy: FaultProxy) -> None:
    await proxy.set(CUT)
    await proxy.set(PASS)
    client = await Client.dial(proxy)
    await client.talks()
    client.close()


async def test_a_half_open_connection_says_nothing_to_either_end(
    proxy: FaultProxy, echo: Echo
) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(HALF_OPEN)
    await client.say(b"into the void")
    await client.hears_nothing()

    assert (echo.heard, echo.ends) == (b"hello", [])
    client.close()


async def test_an_end_that_leaves_is_not_seen_through_a_half_open_connection(
    proxy: FaultProxy, echo: Echo
) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(HALF_OPEN)
    client.close()
    await proxy.set(PASS)
    other = await Client.dial(proxy)
    await other.talks()

    assert echo.ends == []
    other.close()


async def test_what_lost_bytes_stays_lost_and_new_connections_are_whole(
    proxy: FaultProxy, echo: Echo
) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(HALF_OPEN)
    await proxy.set(PASS)
    await client.say(b"again")
    other = await Client.dial(proxy)
    await other.talks()
    await client.hears_nothing()

    assert echo.heard == b"hellohello"
    client.close()
    other.close()


async def test_what_clients_say_is_lost_and_what_servers_say_is_not(
    proxy: FaultProxy, echo: Echo
) -> None:
    client = await Client.dial(proxy)
    await proxy.set(Fault(Mode.DELAY, 50))
    await client.say(b"before")
    await echo.hears(6)
    await proxy.set(LOSE_UP)
    await client.say(b"after")

    assert await client.hear(6) == b"BEFORE"
    await client.hears_nothing()
    assert echo.heard == b"before"
    client.close()


async def test_what_servers_say_is_lost_and_what_clients_say_is_not(
    proxy: FaultProxy, echo: Echo
) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(LOSE_DOWN)
    await client.say(b"still heard")
    await echo.hears(16)
    await client.hears_nothing()
    client.close()


async def test_who_sends_into_a_stall_has_to_wait_and_nothing_is_lost(
    proxy: FaultProxy, echo: Echo
) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(STALL)
    much = b"x" * (16 * 1024 * 1024)
    saying = asyncio.create_task(client.say(much))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.shield(saying)
    assert len(echo.heard) < len(much)

    await proxy.set(PASS)
    assert len(await client.hear(len(much))) == len(much)
    await saying
    client.close()


async def test_a_delay_is_paid_once_and_not_a_chunk(proxy: FaultProxy) -> None:
    client = await Client.dial(proxy)
    await client.talks()
    await proxy.set(Fault(Mode.DELAY, 200))
    began = time.monotonic()
    await client.talks()

    assert time.monotonic() - began >= 0.4
    client.close()


async def test_a_rate_slows_down_both_ways(proxy: FaultProxy) -> None:
    client = await Client.dial(proxy)
    await proxy.set(Fault(Mode.RATE, 100_000))
    began = time.monotonic()
    await client.say(b"x" * 40_000)
    await client.hear(40_000)

    assert time.monotonic() - began >= 0.25
    client.close()


async def test_a_connection_is_reset_when_its_client_has_sent_enough(
    proxy: FaultProxy, echo: Echo
) -> None:
    await proxy.set(Fault(Mode.DROP_AFTER, 100_000))
    client = await Client.dial(proxy)
    await client.say(b"x" * 150_000)

    assert await client.is_reset()
    assert await echo.ended() == "reset"
    assert len(echo.heard) <= 100_000


async def test_who_comes_is_refused_and_who_is_there_stays(proxy: FaultProxy) -> None:
    client = await Client.dial(proxy)
    await proxy.set(REFUSE)
    with pytest.raises(ConnectionRefusedError):
        await Client.dial(proxy)
    await client.talks()

    await proxy.set(PASS)
    other = await Client.dial(proxy)
    await other.talks()
    client.close()
    other.close()


async def test_where_nobody_listens_behind_it_clients_are_reset(echo: Echo) -> None:
    async with FaultProxy(("127.0.0.1", 1)).serving() as proxy:
        client = await Client.dial(proxy)

        assert await client.is_reset()


@pytest.mark.parametrize(
    "line", ["", "explode", "cut 5", "delay", "delay x", "rate 0", "drop-after -1"]
)
def test_nonsense_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        Fault.parse(line)


async def test_a_process_obeys_its_standard_input_and_its_socket(
    echo: Echo, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.fault_proxy", "--to", f"127.0.0.1:{echo.port}"),
        *("--control", str(tmp_path / "control")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    try:
        async with asyncio.timeout(DEADLINE):
            host, port = (await process.stdout.readline()).split()[1].split(b":")
            reader, writer = await asyncio.open_connection(host.decode(), int(port))
            client = Client(reader, writer)
            await client.talks()
            process.stdin.write(b"delay 7\nstatus\n")
            answers = [await process.stdout.readline() for _ in range(2)]
            assert answers == [b"ok\n", b"delay 7: live=1 accepted=1 up=5 down=5\n"]

            heard, said = await asyncio.open_unix_connection(tmp_path / "control")
            said.write(b"melt\ncut\n")
            assert (await heard.readline()).startswith(b"error: ")
            assert await heard.readline() == b"ok\n"
            assert await client.is_reset()
            said.close()
    finally:
        process.kill()
        await process.wait()
