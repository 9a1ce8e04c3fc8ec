"""The server's certificate, as the machines that dial it will judge it."""

import datetime
import ipaddress
from collections.abc import Iterator

from farhand_server.care.finding import Finding, fail, warn
from farhand_server.certificates import RENEW_BEFORE, Pair
from farhand_server.data import DataDirectory
from farhand_server.settings import split


def certificates(data: DataDirectory, endpoint: str, now: datetime.datetime) -> Iterator[Finding]:
    """The certificate's key, dates and names, and the authority behind it."""
    try:
        server = Pair(certificate=data.certificate.read_bytes(), key=data.key.read_bytes())
        authority = Pair(certificate=data.ca_certificate.read_bytes(), key=b"")
        fits, issued = server.matches(), authority.issued(server)
        yield _pair(data, server, fits=fits, issued=issued, now=now)
        yield _names(server, endpoint)
        yield _authority(data, authority, now)
    except (OSError, ValueError) as error:
        yield fail("certificate", f"cannot be read: {error}", "restore it from the backup")


def _pair(
    data: DataDirectory, server: Pair, *, fits: bool, issued: bool, now: datetime.datetime
) -> Finding:
    if not fits:
        return fail(
            "certificate", f"{data.key} is not the key of {data.certificate}", "replace both"
        )
    if not issued:
        return warn(
            "certificate",
            f"{data.ca_certificate.name} did not issue {data.certificate.name}",
            "machines that join get that authority to trust: put the right one there",
        )
    begins, expires = server.parsed.not_valid_before_utc, server.expires
    if now < begins:
        return fail("certificate", f"is good from {begins:%Y-%m-%d} on", "set the clock")
    if now > expires:
        return fail("certificate", f"expired on {expires:%Y-%m-%d}", _renewal(data))
    if expires - now < RENEW_BEFORE and not data.ca_key.exists():
        return warn("certificate", f"expires on {expires:%Y-%m-%d}", _renewal(data))
    return Finding(name="certificate", text=f"good until {expires:%Y-%m-%d}")


def _renewal(data: DataDirectory) -> str:
    if data.ca_key.exists():
        return "start the server: it renews its certificate by itself"
    return f"issue it again where {data.ca_key.name} is kept; the server reads it by itself"


def _names(server: Pair, endpoint: str) -> Finding:
    host, _ = split(endpoint)
    if any(_covers(name, host) for name in server.hosts):
        return Finding(name="names", text=f"the certificate is good for {host}")
    return fail(
        "names",
        f"machines dial {host}, the certificate is for {', '.join(server.hosts)}",
        "set `endpoint` to one of these, or issue a certificate for that name",
    )


def _covers(name: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        pass
    name, host = name.lower(), host.lower().rstrip(".")
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def _authority(data: DataDirectory, authority: Pair, now: datetime.datetime) -> Finding:
    expires = authority.expires
    if expires - now < 4 * RENEW_BEFORE:
        return warn(
            "authority",
            f"expires on {expires:%Y-%m-%d}; every machine trusts it",
            "make another one in time, and give it to the machines",
        )
    where = "its key is here" if data.ca_key.exists() else "its key is kept elsewhere"
    return Finding(name="authority", text=f"good until {expires:%Y-%m-%d}; {where}")
