"""A look at the path to the control plane before gRPC takes it: gRPC hides why a dial fails."""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from farhand_agent.errors import Unreachable
from farhand_agent.link.endpoint import Endpoint

DIAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What the server showed."""

    milliseconds: float
    tls_version: str
    certificate: x509.Certificate


async def reach(endpoint: Endpoint, *, roots: bytes | None, verify: bool = True) -> Reached:
    """Dials, shakes hands, hangs up. With `verify` the certificate must be one that `roots` (None:
    the public ones) signed for this host. Raises Unreachable with the cause."""
    context = _context(roots, verify=verify)
    begin = time.monotonic()
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            _, writer = await asyncio.open_connection(
                endpoint.host, endpoint.port, ssl=context, server_hostname=endpoint.host
            )
    except (OSError, TimeoutError) as error:
        raise _explain(endpoint, error) from error
    milliseconds = (time.monotonic() - begin) * 1000
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = shown.getpeercert(binary_form=True)
    version = shown.version()
    writer.transport.abort()
    assert certificate is not None and version is not None
    return Reached(
        milliseconds=milliseconds,
        tls_version=version.replace("v", " "),
        certificate=x509.load_der_x509_certificate(certificate),
    )


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _context(roots: bytes | None, *, verify: bool) -> ssl.SSLContext:
    if not verify:
        # Nothing but the certificate itself is taken from such a connection.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cadata=roots.decode() if roots else None)
        # This is a look ahead: what gRPC would accept must not fail here.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2"])
    return context


def _explain(endpoint: Endpoint, error: OSError | TimeoutError) -> Unreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(
            f"the certificate of {endpoint} is not trusted",
            why=error.verify_message,
            do="give the right authority with --ca FILE or --ca-sha256 HEX, as "
            "`farhand token create` prints it",
        )
    if isinstance(error, ssl.SSLError):
        why, do = f"it does not speak TLS here: {error.reason}", "check the port"
    elif isinstance(error, socket.gaierror):
        why, do = f"the name {endpoint.host} does not resolve", "check the spelling, or the DNS"
    elif isinstance(error, TimeoutError):
        why = f"no answer within {DIAL_SECONDS:.0f} s"
        do = "check that a firewall lets this machine dial out to it"
    else:
        why = error.strerror or str(error)
        do = "check host and port, and that the server runs: systemctl status farhand-server"
    return Unreachable(f"{endpoint} does not answer", why=why, do=do)
