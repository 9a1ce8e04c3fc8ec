"""Certificates: the authority that machines trust, the server's own, and their renewal.

ECDSA P-256 throughout: grpc cannot shake hands with Ed25519.
"""

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = datetime.timedelta(days=3650)
SERVER_LIFE = datetime.timedelta(days=90)
#: Renewed when less than this is left.
RENEW_BEFORE = datetime.timedelta(days=30)
#: Clocks of machines that join may be slow.
SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def expires(self) -> datetime.datetime:
        return self.parsed.not_valid_after_utc

    @property
    def hosts(self) -> list[str]:
        """Names and addresses that it is good for."""
        names = self.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name.value) for name in names]

    def matches(self) -> bool:
        """Whether the key is the certificate's: files are replaced one after the other."""
        key = load_pem_private_key(self.key, password=None)
        return key.public_key() == self.parsed.public_key()

    def issued(self, other: "Pair") -> bool:
        """Whether this is the authority of the other."""
        try:
            other.parsed.verify_directly_issued_by(self.parsed)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def make_authority(now: datetime.datetime, *, name: str = "Farhand CA") -> Pair:
    """A new certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def make_server(authority: Pair, hosts: Sequence[str], now: datetime.datetime) -> Pair:
    """A new key and certificate for a server of these names and addresses."""
    return _server(authority, hosts, now, ec.generate_private_key(ec.SECP256R1()))


def renew(authority: Pair, old: Pair, now: datetime.datetime) -> Pair:
    """The same key and hosts for another while: only the certificate's file changes."""
    key = load_pem_private_key(old.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _server(authority, old.hosts, now, key)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a PEM certificate's DER form, hexadecimal."""
    der = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def _server(
    authority: Pair,
    hosts: Sequence[str],
    now: datetime.datetime,
    key: ec.EllipticCurvePrivateKey,
) -> Pair:
    signer = load_pem_private_key(authority.key, password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    issuer = authority.parsed.subject
    certificate = (
        _builder(subject, issuer, key.public_key(), now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_name(host) for host in dict.fromkeys(hosts)]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return _pair(certificate, key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
