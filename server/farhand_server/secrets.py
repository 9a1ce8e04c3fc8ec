"""Secrets: how they are made, how they are recognised, how those that are shown again are kept.

Every secret holds 256 random bits, so a plain SHA-256 is enough to recognise it by.
"""

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from farhand_server.core.ports import Chance
from farhand_server.errors import StartError
from farhand_server.model.account import AccountKey, KeySlot
from farhand_server.model.identifiers import AccountId

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class NewToken:
    """A registration token that was just made: fht_<id>_<secret>."""

    id: str
    text: str = field(repr=False)

    @property
    def hash(self) -> str:
        return digest(self.text)


def digest(secret: str) -> str:
    """SHA-256, hexadecimal: how a secret is known to the store."""
    return hashlib.sha256(secret.encode()).hexdigest()


def api_token(chance: Chance) -> str:
    return f"fh_{_text(chance)}"


def account_key(chance: Chance) -> str:
    return f"fhk_{_text(chance)}"


def registration_token(chance: Chance) -> NewToken:
    id_ = chance(4).hex()
    return NewToken(id_, f"fht_{id_}_{_text(chance)}")


class MasterKey:
    """Seals what must be shown again; lies in a file of its own, outside the database."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise StartError(
                f"the master key has {len(key)} bytes instead of {KEY_BYTES}",
                do="restore master.key from the backup",
            )
        self._box = AESGCM(key)

    def seal_key(
        self, secret: str, account: AccountId, slot: KeySlot, chance: Chance
    ) -> AccountKey:
        """An account key as its row holds it."""
        nonce = chance(NONCE_BYTES)
        box = self._box.encrypt(nonce, secret.encode(), _place(account, slot))
        return AccountKey(account=account, slot=slot, hash=digest(secret), sealed=nonce + box)

    def open_key(self, key: AccountKey) -> str:
        """The account key itself. Raises StartError if another master key sealed it."""
        nonce, box = key.sealed[:NONCE_BYTES], key.sealed[NONCE_BYTES:]
        try:
            return self._box.decrypt(nonce, box, _place(key.account, key.slot)).decode()
        except InvalidTag:
            raise StartError(
                "an account key was sealed with another master key",
                do="restore master.key from the backup",
            ) from None


def _place(account: AccountId, slot: KeySlot) -> bytes:
    """Keeps a box from being moved to another row."""
    return f"{account}|{slot.value}".encode()


def _text(chance: Chance) -> str:
    return base64.urlsafe_b64encode(chance(KEY_BYTES)).rstrip(b"=").decode()
