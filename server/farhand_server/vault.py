"""What must come out again: sealed by an envelope, so that a database alone tells nothing.

Each box has a data key of its own, which the key of the vault seals (AES-256-GCM, both). A box is
bound to its place: moved to another row it does not open. It names the key of the vault, so that a
wrong key file is told from a damaged box.
"""

import hashlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from farhand_server.core.ports import Chance
from farhand_server.errors import StartError

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 8
#: Of the seal itself.
_TAG_BYTES = 16
_WRAPPED_BYTES = KEY_BYTES + _TAG_BYTES
_FORMAT = b"\x01"
_HEAD_BYTES = len(_FORMAT) + _ID_BYTES + _NONCE_BYTES + _WRAPPED_BYTES
_BYTES_LEAST = _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES


class Vault:
    """Implements the vault of the rules."""

    def __init__(self, key: bytes, *, chance: Chance) -> None:
        self._id = key_id(key)
        self._key = AESGCM(key)
        self._chance = chance

    def check(self, boxes: Iterable[bytes]) -> None:
        """Raises StartError if a box was sealed with another key."""
        for box in boxes:
            named = box[len(_FORMAT) : len(_FORMAT) + _ID_BYTES]
            if named != self._id:
                raise self._needs(named, "what this server keeps")

    def seal(self, text: str, place: str) -> bytes:
        """A box that opens only at this place."""
        data_key, wrap, nonce = (self._chance(n) for n in (KEY_BYTES, _NONCE_BYTES, _NONCE_BYTES))
        at = place.encode()
        wrapped = self._key.encrypt(wrap, data_key, at)
        box = AESGCM(data_key).encrypt(nonce, text.encode(), at)
        return _FORMAT + self._id + wrap + wrapped + nonce + box

    def open(self, sealed: bytes, place: str) -> str:
        """What was sealed for this place. Raises StartError if it cannot be opened."""
        if sealed[: len(_FORMAT)] != _FORMAT or len(sealed) < _BYTES_LEAST:
            raise StartError(f"what is sealed for {place} is damaged", do=RESTORE)
        named = sealed[len(_FORMAT) : len(_FORMAT) + _ID_BYTES]
        if named != self._id:
            raise self._needs(named, f"what is sealed for {place}")
        at = place.encode()
        wrap, wrapped, rest = _parts(sealed)
        try:
            data_key = self._key.decrypt(wrap, wrapped, at)
            opened = AESGCM(data_key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], at)
        except InvalidTag:
            raise StartError(
                f"what is sealed for {place} is damaged, or was moved there", do=RESTORE
            ) from None
        return opened.decode()

    def rewrap(self, sealed: bytes, place: str, to: "Vault") -> bytes:
        """The same box for the key of another vault: only its data key is sealed anew. Raises
        StartError as `open` does."""
        self.open(sealed, place)
        at = place.encode()
        wrap, wrapped, rest = _parts(sealed)
        nonce = self._chance(_NONCE_BYTES)
        again = to._key.encrypt(nonce, self._key.decrypt(wrap, wrapped, at), at)
        return _FORMAT + to._id + nonce + again + rest

    def _needs(self, named: bytes, what: str) -> StartError:
        return StartError(
            f"{what} needs the key {named.hex()}; master.key is {self._id.hex()}", do=RESTORE
        )


RESTORE = "restore master.key, or the database, from the backup that they belong to"


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """The nonce of the data key, that key, sealed, and what it seals."""
    at = _HEAD_BYTES - _WRAPPED_BYTES
    return sealed[at - _NONCE_BYTES : at], sealed[at:_HEAD_BYTES], sealed[_HEAD_BYTES:]


def key_id(key: bytes) -> bytes:
    """Tells keys apart, and nothing of them."""
    return hashlib.sha256(b"farhand vault key\0" + key).digest()[:_ID_BYTES]
