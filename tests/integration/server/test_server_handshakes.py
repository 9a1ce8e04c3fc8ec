"""Connections that never come to the point where a stream could be opened."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable

import pytest
from tests.support.edge import WAIT_SECONDS, Edge, Worker

from farhand_server.app import Tuning
from farhand_server.rpc.listener import StreamLimits

HANDSHAKE_SECONDS = 0.5
NAME = "localhost"


@pytest.fixture
def tuning() -> Tuning:
    return Tuning(streams=StreamLimits(handshake_seconds=HANDSHAKE_SECONDS))


def silent(plain: socket.socket, context: ssl.SSLContext) -> socket.socket:
    return plain


def half_a_hello(plain: socket.socket, context: ssl.SSLContext) -> socket.socket:
    hello = client_hello(context)
    plain.sendall(hello[: len(hello) // 2])
    return plain


def no_finish(plain: socket.socket, context: ssl.SSLContext) -> socket.socket:
    """The server has answered, and waits for the client's last word."""
    plain.sendall(client_hello(context))
    return plain


def no_settings(plain: socket.socket, context: ssl.SSLContext) -> socket.socket:
    """TLS is done, and HTTP/2 is not begun."""
    return context.wrap_socket(plain, server_hostname=NAME)


def client_hello(context: ssl.SSLContext) -> bytes:
    """The first word of TLS."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(heard, said, server_hostname=NAME).do_handshake()
    return said.read()


@pytest.mark.parametrize("begin", [silent, half_a_hello, no_finish, no_settings])
async def test_a_handshake_that_is_never_finished_is_given_up(
    server: Edge,
    worker: Worker,
    begin: Callable[[socket.socket, ssl.SSLContext], socket.socket],
) -> None:
    await worker.serve()

    await asyncio.to_thread(is_closed, server, begin)
    # Its connection is older, so its time would have been over, too.
    await worker.beat(2)
    assert (await worker.until("heartbeat_ack")).sequence == 2


def is_closed(
    server: Edge, begin: Callable[[socket.socket, ssl.SSLContext], socket.socket]
) -> None:
    """Returns when the server has closed the connection. Raises TimeoutError if it does not."""
    context = ssl.create_default_context(cafile=str(server.data / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((NAME, server.port), timeout=WAIT_SECONDS) as plain,
        begin(plain, context) as peer,
        contextlib.suppress(ConnectionResetError, BrokenPipeError),
    ):
        until = time.monotonic() + WAIT_SECONDS
        while peer.recv(65536):  # the server may ping meanwhile
            peer.settimeout(until - time.monotonic())
