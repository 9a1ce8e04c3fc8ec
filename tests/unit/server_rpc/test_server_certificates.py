"""Certificates: a short chain, the names asked for, renewal in time."""

import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from farhand_server import certificates
from farhand_server.certificates import Pair
from farhand_server.credentials import Credentials
from farhand_server.data import DataDirectory, write_new
from farhand_server.errors import StartError

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def authority() -> Pair:
    return certificates.make_authority(NOW)


@pytest.fixture
def data(tmp_path: Path, authority: Pair) -> DataDirectory:
    found = DataDirectory(tmp_path)
    server = certificates.make_server(authority, ["localhost"], NOW)
    write_new(found.ca_certificate, authority.certificate)
    write_new(found.ca_key, authority.key)
    write_new(found.certificate, server.certificate)
    write_new(found.key, server.key)
    return found


def test_the_authority_vouches_for_every_name_of_the_server(authority: Pair) -> None:
    server = certificates.make_server(authority, ["ctl.example.net", "10.0.0.7", "::1"], NOW)
    policy = PolicyBuilder().store(Store([authority.parsed])).time(NOW)

    names: list[x509.DNSName | x509.IPAddress] = [x509.DNSName("ctl.example.net")]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("10.0.0.7", "::1")]
    for name in names:
        assert policy.build_server_verifier(name).verify(server.parsed, [])
    assert server.matches()
    assert server.hosts == ["ctl.example.net", "10.0.0.7", "::1"]


def test_a_renewed_certificate_keeps_key_and_names(authority: Pair) -> None:
    old = certificates.make_server(authority, ["a", "127.0.0.1"], NOW)
    new = certificates.renew(authority, old, NOW + 80 * DAY)

    assert (new.key, new.hosts) == (old.key, old.hosts)
    assert new.expires - old.expires == 80 * DAY


@pytest.mark.parametrize(("day", "renewed"), [(59, False), (61, True), (100, True)])
def test_it_is_renewed_when_thirty_days_are_left(
    data: DataDirectory, day: int, renewed: bool
) -> None:
    before = data.certificate.read_bytes()
    credentials = Credentials(data, clock=lambda: NOW + day * DAY)
    credentials.renew()

    assert (data.certificate.read_bytes() != before) == renewed
    assert (credentials.fetch() is not None) == renewed


def test_without_the_authoritys_key_nothing_is_renewed(data: DataDirectory) -> None:
    data.ca_key.unlink()
    before = data.certificate.read_bytes()
    Credentials(data, clock=lambda: NOW + 89 * DAY).renew()

    assert data.certificate.read_bytes() == before


def test_a_certificate_of_another_authority_is_left_alone(data: DataDirectory) -> None:
    theirs = certificates.make_server(certificates.make_authority(NOW), ["ctl"], NOW)
    data.certificate.write_bytes(theirs.certificate)
    data.key.write_bytes(theirs.key)
    Credentials(data, clock=lambda: NOW + 89 * DAY).renew()

    assert data.certificate.read_bytes() == theirs.certificate


def test_a_key_of_another_certificate_stops_the_start(data: DataDirectory, authority: Pair) -> None:
    data.key.write_bytes(certificates.make_server(authority, ["x"], NOW).key)

    with pytest.raises(StartError, match="is not the key of"):
        Credentials(data, clock=lambda: NOW)


def test_an_unchanged_certificate_is_read_once(data: DataDirectory) -> None:
    credentials = Credentials(data, clock=lambda: NOW)

    assert credentials.fetch() is None
