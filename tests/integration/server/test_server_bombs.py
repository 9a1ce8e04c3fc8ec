"""Small messages that would become large ones."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.edge import Edge
from tests.support.flood import peak_bytes
from tests.support.raw_call import RawCall
from tests.support.server_process import ServerProcess, reach, server_process

MB = 1_000_000
INFLATED = 575 * MB
#: What the promise allows.
GROWTH = 16 * MB
#: Of zlib.
GZIP, DEFLATE = 31, 15
#: What a bomb lies in, and how it is announced: also as what it is not, and as nothing known.
ANNOUNCED = (("gzip", GZIP), ("deflate", DEFLATE), ("identity", GZIP), ("snappy", GZIP))
#: One that anybody may open, and one for who has a token.
PATHS = ("/farhand.v1.WorkerService/Connect", "/farhand.v1.JobService/StartJob")
#: Of UNIMPLEMENTED, RESOURCE_EXHAUSTED and INTERNAL, as gRPC says them.
REFUSALS = (b"grpc-status\x0212", b"grpc-status\x018", b"grpc-status\x0213")


@contextlib.asynccontextmanager
async def served(root: Path, data: Path) -> AsyncIterator[tuple[ServerProcess, Edge]]:
    """A server of its own process that has answered before."""
    async with server_process(root, data) as server:
        edge = reach(data, root)
        await asyncio.to_thread(refused, edge, PATHS[0], "gzip", b"")
        yield server, edge


def bomb(container: int) -> bytes:
    """A message of gRPC, compressed: its one field is 575 MB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, container)
    packed = packer.compress(b"\x0a" + varint(INFLATED))
    packed += b"".join(packer.compress(bytes(MB)) for _ in range(INFLATED // MB))
    return packed + packer.flush()


def varint(number: int) -> bytes:
    rest, seven = divmod(number, 128)
    return bytes([seven | 128]) + varint(rest) if rest else bytes([seven])


def refused(edge: Edge, path: str, encoding: str, message: bytes) -> bytes:
    """The server's answer, once it has ended the call."""
    headers = (("authorization", f"Bearer {edge.token}"), ("grpc-encoding", encoding))
    call = RawCall(port=edge.port, roots=edge.data / "ca.pem", path=path, headers=headers)
    with contextlib.closing(call):
        call.send(message, compressed=True)
        call.end()
    return call.headers


async def test_gzip_bomb(tmp_path: Path, data: Path) -> None:
    bombs = {container: bomb(container) for container in (GZIP, DEFLATE)}
    async with served(tmp_path, data) as (server, edge):
        before = peak_bytes(server.process.pid)
        for path in PATHS:
            for encoding, container in ANNOUNCED:
                answer = await asyncio.to_thread(refused, edge, path, encoding, bombs[container])
                assert any(words in answer for words in REFUSALS), (path, encoding, answer)
        growth = peak_bytes(server.process.pid) - before

    assert max(map(len, bombs.values())) < MB, "it would be refused by its size on the wire"
    assert growth < GROWTH, f"{growth / MB:.0f} MB more"


@pytest.mark.parametrize("encoding", ["gzip", "snappy"])
async def test_a_peer_cannot_write_into_the_log(tmp_path: Path, data: Path, encoding: str) -> None:
    """gRPC would say on standard error, in words of its own, whatever a peer does wrong."""
    async with served(tmp_path, data) as (server, edge):
        await asyncio.to_thread(refused, edge, PATHS[0], encoding, b"")
        assert await server.stop() == 0

    assert {"ready", "stopped"} <= {event["event"] for event in server.events}
