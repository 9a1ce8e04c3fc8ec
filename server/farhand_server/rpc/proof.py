"""How a stream proves whose it is: a signature over a challenge, or a token for a short look."""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from farhand_server.core.ports import Chance
from farhand_server.engine.ports import Clock
from farhand_server.errors import InvalidRequest, ProofRefused, Unauthenticated, Violation
from farhand_server.model.identifiers import SessionId, WorkerId
from farhand_wire import limits
from farhand_wire.transcript import transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a Register or Hello said, and the challenge it got: what a Proof must sign."""

    deployment: str
    session: SessionId
    server_nonce: bytes
    client_nonce: bytes
    subject: bytes

    def verify(self, key: ec.EllipticCurvePublicKey, signature: bytes) -> None:
        """Raises ProofRefused."""
        signed = transcript(
            deployment_id=self.deployment,
            session_id=self.session,
            server_nonce=self.server_nonce,
            client_nonce=self.client_nonce,
            subject=self.subject,
        )
        try:
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise ProofRefused(
                "the proof does not fit the worker's key",
                why="it was signed with another key, or for another stream or deployment",
                do="start the agent with its own state directory, or register again with --replace",
            ) from None


def public_key(der: bytes, *, field: str) -> ec.EllipticCurvePublicKey:
    """A worker's key. Raises InvalidRequest, naming `field`, when it is not ECDSA P-256."""
    try:
        key = load_der_public_key(der)
    except ValueError:
        key = None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    problem = "is not the DER SubjectPublicKeyInfo of an ECDSA P-256 key"
    raise InvalidRequest([Violation(field=field, problem=problem)])


class SessionTokens:
    """Tokens for a Hello typed by hand: short-lived, kept as hashes, gone with the process."""

    MOST = 1_000

    def __init__(self, *, clock: Clock, chance: Chance) -> None:
        self._clock = clock
        self._chance = chance
        self._known: dict[str, tuple[WorkerId, float]] = {}

    def issue(self, worker: WorkerId) -> str:
        """A new token for this worker."""
        now = self._clock.monotonic()
        self._known = {key: held for key, held in self._known.items() if held[1] > now}
        if len(self._known) >= self.MOST:
            self._known.pop(next(iter(self._known)))
        token = f"fhs_{self._chance(32).hex()}"
        self._known[_hash(token)] = (worker, now + limits.SESSION_TOKEN_SECONDS)
        return token

    def check(self, token: str, worker: WorkerId) -> None:
        """Raises Unauthenticated unless it was issued to `worker` and has not expired."""
        owner, until = self._known.get(_hash(token), ("", 0.0))
        valid = until > self._clock.monotonic() and hmac.compare_digest(owner, worker)
        if not valid:
            raise Unauthenticated(
                "the session token is not valid for this worker",
                why="it is unknown, older than ten minutes, or another worker's",
                do="get a new one on the worker: farhand-agent session",
            )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
