"""Why nobody answers: grpc says only "unavailable", so the way there is walked again by hand."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

from farhand_cli.failure import Failure
from farhand_cli.target import Target

PATIENCE_SECONDS = 3.0


def diagnose(target: Target, said: str) -> Failure:
    """What stands between us and the server; `said` is grpc's word, for when nothing does."""
    begun = time.monotonic()
    addresses: list[str] = []
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        with _greeted(target):
            return _silent(target, said, addresses)
    except ssl.SSLCertVerificationError as error:
        return _untrusted(target, error.verify_message)
    except ssl.SSLError as error:
        return _no_tls(target, error)
    except socket.gaierror:
        return _silent(target, f"the name {target.host} is unknown", addresses)
    except TimeoutError:
        return _silent(target, f"no answer within {PATIENCE_SECONDS:.0f} s", addresses)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        took = (time.monotonic() - begun) * 1000
        return _silent(target, f"{cause} after {took:.0f} ms", addresses)


@contextlib.contextmanager
def _greeted(target: Target) -> Iterator[None]:
    context = ssl.create_default_context(cafile=target.ca)
    address = (target.host, target.port)
    with (
        socket.create_connection(address, timeout=PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=target.host),
    ):
        yield


def _silent(target: Target, cause: str, addresses: list[str]) -> Failure:
    resolved = [f"name resolves to {', '.join(addresses)}"] if addresses else []
    return Failure(
        f"{target.server} does not answer ({cause})",
        why="; ".join([f"server from {target.source}", *resolved]),
        do=["systemctl status farhand-server there, or another context: farhand context use NAME"],
        code="unavailable",
    )


def _untrusted(target: Target, cause: str) -> Failure:
    checked = f"the CA file {target.ca}" if target.ca else "the system's authorities, for no --ca"
    return Failure(
        f"the certificate of {target.server} is not trusted ({cause})",
        why=f"checked against {checked}; server from {target.source}",
        do=["name the ca.pem of that server: --ca FILE, or farhand context add"],
        code="untrusted",
    )


def _no_tls(target: Target, error: ssl.SSLError) -> Failure:
    if error.reason == "NO_CERTIFICATE_OR_CRL_FOUND" or error.reason is None:
        return _untrusted(target, "the CA file holds no certificate")
    return Failure(
        f"{target.server} does not speak TLS ({error.reason.replace('_', ' ').lower()})",
        why=f"server from {target.source}",
        do=["use the address that farhand-server run --listen named"],
        code="no_tls",
    )
