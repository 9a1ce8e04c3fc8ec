"""The worker's key: made on the machine, never sent, proves who the worker is."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from farhand_agent.errors import StateError


class Key:
    """An ECDSA P-256 key pair."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> "Key":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, pem: bytes) -> "Key":
        """Raises StateError if `pem` holds no such key."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise StateError(
                "this worker's key cannot be read",
                why="the file holds no ECDSA key",
                do="give the worker a new identity: farhand-agent register --replace",
            )
        return cls(private)

    @property
    def pem(self) -> bytes:
        """The private half, for the state directory only."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def public(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, transcript: bytes) -> bytes:
        """DER signature over SHA-256."""
        return self._private.sign(transcript, ec.ECDSA(hashes.SHA256()))
