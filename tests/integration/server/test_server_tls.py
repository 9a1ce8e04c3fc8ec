"""Certificates that are replaced while the server runs."""

import asyncio
import datetime
import socket
import ssl

from tests.support.edge import Edge

from farhand_server import certificates
from farhand_server.certificates import Pair
from farhand_server.data import replace


def served(edge: Edge) -> bytes:
    """The certificate of a new handshake, DER."""
    context = ssl.create_default_context(cafile=str(edge.data / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("localhost", edge.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def another(edge: Edge) -> Pair:
    authority = Pair(
        certificate=(edge.data / "ca.pem").read_bytes(), key=(edge.data / "ca.key").read_bytes()
    )
    return certificates.make_server(authority, ["localhost"], datetime.datetime.now(datetime.UTC))


async def test_a_replaced_certificate_serves_the_next_handshake(server: Edge) -> None:
    before = await asyncio.to_thread(served, server)
    pair = another(server)
    replace(server.data / "server.key", pair.key)
    between = await asyncio.to_thread(served, server)
    replace(server.data / "server.pem", pair.certificate)
    after = await asyncio.to_thread(served, server)

    assert between == before, "a key without its certificate is not used"
    assert ssl.DER_cert_to_PEM_cert(after).strip() == pair.certificate.decode().strip()


async def test_a_broken_certificate_is_not_used(server: Edge) -> None:
    before = await asyncio.to_thread(served, server)
    replace(server.data / "server.pem", b"nonsense")

    assert await asyncio.to_thread(served, server) == before
