"""What a file with a certificate holds: PKCS#12, or PEM."""

import base64
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from farhand_server.errors import InvalidRequest, Violation
from farhand_server.model.parameter import Json

_PEM = b"-----BEGIN "


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The certificate, and its private key if it has one."""

    certificate: x509.Certificate
    #: PKCS#12 without a password, with key and chain; None without a key.
    bundle: bytes | None = field(repr=False)

    def values(self, *, exportable: bool) -> dict[str, Json]:
        """What everybody may read."""
        found = self.certificate
        return {
            "thumbprint": found.fingerprint(hashes.SHA1()).hex().upper(),
            "subject": found.subject.rfc4514_string(),
            "expires": round(found.not_valid_after_utc.timestamp() * 1000),
            "exportable": exportable,
            "certificate": _text(found.public_bytes(Encoding.DER)),
        }

    def secrets(self) -> dict[str, Json]:
        return {} if self.bundle is None else {"bundle": _text(self.bundle)}


def read(content: bytes, password: str) -> Content:
    """Raises InvalidRequest if it holds no certificate, or does not open."""
    secret = password.encode() if password else None
    try:
        if _PEM in content:
            return _pem(content, secret)
        return _pkcs12(content, secret)
    except (ValueError, TypeError) as error:
        said = str(error).split(".")[0][:200]
        words = f"is neither PKCS#12 nor PEM of a certificate, or the password is wrong: {said}"
        raise InvalidRequest([Violation(field="content", problem=words)]) from None


def private_key_texts(bundle: str) -> tuple[str, ...]:
    """The key in a bundle as PEM, in the forms that programs write it in."""
    key, _, _ = pkcs12.load_key_and_certificates(base64.b64decode(bundle), None)
    forms = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    return tuple(_written(key, form) for form in forms if _has(key, form))


def _has(key: object, form: PrivateFormat) -> bool:
    traditional = isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key is not None and (form is PrivateFormat.PKCS8 or traditional)


def _written(key: object, form: PrivateFormat) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, NoEncryption())  # type: ignore[attr-defined]
    return text.decode()


def _pem(content: bytes, secret: bytes | None) -> Content:
    leaf, *chain = x509.load_pem_x509_certificates(content)
    key = None
    if b"PRIVATE KEY-----" in content:
        key = serialization.load_pem_private_key(content, secret)
    return Content(certificate=leaf, bundle=_bundle(key, leaf, chain))


def _pkcs12(content: bytes, secret: bytes | None) -> Content:
    key, leaf, chain = pkcs12.load_key_and_certificates(content, secret)
    if leaf is None:
        raise ValueError("it holds no certificate")
    return Content(certificate=leaf, bundle=_bundle(key, leaf, chain))


def _bundle(key: object, leaf: x509.Certificate, chain: list[x509.Certificate]) -> bytes | None:
    if key is None:
        return None
    # Whatever was loaded can be stored.
    return pkcs12.serialize_key_and_certificates(
        None,
        key,  # type: ignore[arg-type]
        leaf,
        chain or None,
        NoEncryption(),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
