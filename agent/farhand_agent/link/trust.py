"""Whom a machine believes that joins: an authority it was given, or one it was told the hash of."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import grpc.aio
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from farhand_agent.errors import AgentError, Refused
from farhand_agent.link.channel import open_channel
from farhand_agent.link.endpoint import Endpoint
from farhand_agent.link.reach import Reached, pem_of
from farhand_agent.link.refusal import explain
from farhand_wire.v1 import account_pb2, account_pb2_grpc

_ASK_SECONDS = 5.0


def authority_file(path: Path) -> bytes:
    """The certificates in a PEM file. Raises AgentError if there are none."""
    try:
        pem = path.read_bytes()
        x509.load_pem_x509_certificates(pem)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no PEM certificate"
        raise AgentError(
            f"{path} cannot be used as certificate authority",
            why=why or str(error),
            do="copy ca.pem from the server's data directory",
        ) from error
    return pem


def fingerprint(text: str) -> str:
    """A SHA-256 in the spellings that people paste. Raises AgentError."""
    digest = text.lower().removeprefix("sha256:").replace(":", "").strip()
    if len(digest) != 64 or any(c not in "0123456789abcdef" for c in digest):
        raise AgentError(
            f"{text} is not a SHA-256",
            why="it must be 64 hexadecimal digits",
            do="use the line that `farhand token create` prints",
        )
    return digest


async def pinned_authority(
    endpoint: Endpoint, reached: Reached, *, digest: str, environ: Mapping[str, str]
) -> bytes:
    """The authority with this SHA-256, which must have signed what the endpoint showed; PEM.

    The server is asked over a channel that trusts exactly the certificate just seen, and its answer
    counts only if the hash does. Raises Refused, Unreachable."""
    pem = await _ask(endpoint, reached, environ)
    try:
        authority = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise _wrong(endpoint, "what it shows as its authority is no certificate") from None
    found = hashlib.sha256(authority.public_bytes(Encoding.DER)).hexdigest()
    if found != digest:
        raise _wrong(endpoint, f"its authority has SHA-256 {found}, asked for was {digest}")
    try:
        reached.certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        raise _wrong(endpoint, "its certificate was not issued by its authority") from None
    return pem_of(authority)


async def _ask(endpoint: Endpoint, reached: Reached, environ: Mapping[str, str]) -> bytes:
    leaf = pem_of(reached.certificate)
    async with open_channel(endpoint, roots=leaf, environ=environ) as channel:
        stub = account_pb2_grpc.AccountServiceStub(channel)
        try:
            answer = await stub.GetCertificateAuthority(
                account_pb2.GetCertificateAuthorityRequest(), timeout=_ASK_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            raise explain(error, str(endpoint)) from error
    return answer.certificate.encode()


def _wrong(endpoint: Endpoint, why: str) -> Refused:
    return Refused(
        f"{endpoint} is not the control plane that was asked for",
        why=why,
        do="compare --ca-sha256 with `farhand key show`; if it is right, somebody is in between",
    )
