"""What a worker signs to prove its key: every value that a replay or relay would have to change."""

import hashlib

DOMAIN = b"farhand-connect-v1"
NONCE_BYTES = 32


def transcript(
    *,
    deployment_id: str,
    session_id: str,
    server_nonce: bytes,
    client_nonce: bytes,
    subject: bytes,
) -> bytes:
    """The bytes to sign. Each part is preceded by its length (4 bytes, big endian), so that no two
    different lists of parts give the same bytes."""
    parts = (
        DOMAIN,
        deployment_id.encode(),
        session_id.encode(),
        server_nonce,
        client_nonce,
        subject,
    )
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def hello_subject(*, worker_id: str, session_number: int) -> bytes:
    """The subject of a Hello: who claims to be back, with which number."""
    return f"hello\n{worker_id}\n{session_number}".encode()


def register_subject(*, token: str, group: str, worker_name: str, public_key: bytes) -> bytes:
    """The subject of a Register: the key that joins, and the token's hash (never the token)."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    key = hashlib.sha256(public_key).hexdigest()
    return f"register\n{digest}\n{group}\n{worker_name}\n{key}".encode()
