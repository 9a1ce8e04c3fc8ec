"""Who this worker is: key, names and session number in the state directory.

identity.json     everything that Registered said, and the private key; replaced as one
pending.pem       a key whose registration was not answered: the next try uses it again
ca.pem            what the endpoint's certificate is checked against
session_number    the number for the next Hello, and the worker that it was issued to
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from farhand_agent.errors import StateError
from farhand_agent.link import storage
from farhand_agent.link.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A registered worker."""

    worker_id: str
    worker_name: str
    group: str
    account: str
    endpoint: str
    #: Unix time in seconds.
    registered: int
    #: Issued with the registration; later ones are in a file of their own.
    session_number: int


class State:
    """The state directory. Raises StateError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def ca(self) -> Path:
        return self.path / "ca.pem"

    def make(self) -> bool:
        """Makes the directory; whether it is new."""
        return storage.make_directory(self.path)

    def identity(self) -> Identity | None:
        """None if this machine is not registered."""
        fields = self._fields()
        if fields is None:
            return None
        try:
            named: dict[str, Any] = {name: fields[name] for name in Identity.__dataclass_fields__}
            return Identity(**named)
        except (KeyError, TypeError) as error:
            raise _damaged(self._file) from error

    def key(self) -> Key:
        """The key of the registered worker."""
        fields = self._fields()
        if fields is None:
            raise not_registered(self.path)
        return Key.load(str(fields.get("private_key")).encode())

    def commit(self, identity: Identity, key: Key, *, ca: bytes | None) -> None:
        """From now on this machine is that worker; the one before, if any, is forgotten."""
        if ca is not None:
            # Until the next step it is the worker before, which must reach a server of its own.
            before = self.ca.read_bytes() if self.ca.exists() else b""
            storage.replace(self.ca, ca + b"\n" + before)
        fields = {**asdict(identity), "private_key": key.pem.decode()}
        storage.replace(self._file, json.dumps(fields, indent=2).encode())
        if ca is not None:
            storage.replace(self.ca, ca)
        storage.remove(self._pending)
        storage.remove(self._number)

    def forget(self) -> None:
        """Removes everything that makes this machine a worker."""
        for path in (self._file, self._pending, self._number, self.ca):
            storage.remove(path)

    @property
    def has_pending_key(self) -> bool:
        return self._pending.exists()

    def pending_key(self) -> Key:
        """The key for a registration, on disk before it is shown to anyone."""
        pem = storage.read_private(self._pending)
        if pem is not None and not self._is_spent(pem):
            with suppress(StateError):  # what is no key was never shown to anyone
                return Key.load(pem)
        key = Key.generate()
        storage.replace(self._pending, key.pem)
        return key

    def drop_pending_key(self) -> None:
        storage.remove(self._pending)

    def session_number(self, identity: Identity) -> int:
        """What the next Hello shows."""
        text = storage.read_private(self._number)
        if text is None:
            return identity.session_number
        try:
            worker_id, number = text.decode().split()
            # A number that was issued to the worker before this one is worth nothing.
            return int(number) if worker_id == identity.worker_id else identity.session_number
        except ValueError as error:
            raise _damaged(self._number) from error

    def keep_session_number(self, identity: Identity, number: int) -> None:
        """Synced when this returns."""
        storage.replace(self._number, f"{identity.worker_id} {number}\n".encode())

    def _is_spent(self, pem: bytes) -> bool:
        """Whether that key was answered: who committed it died before it removed the file."""
        with suppress(StateError):
            fields = self._fields()
            return fields is not None and fields.get("private_key") == pem.decode()
        return False

    @property
    def _file(self) -> Path:
        return self.path / "identity.json"

    @property
    def _pending(self) -> Path:
        return self.path / "pending.pem"

    @property
    def _number(self) -> Path:
        return self.path / "session_number"

    def _fields(self) -> dict[str, object] | None:
        text = storage.read_private(self._file)
        if text is None:
            return None
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise _damaged(self._file) from error
        if not isinstance(fields, dict):
            raise _damaged(self._file)
        return fields


def not_registered(path: Path) -> StateError:
    return StateError(
        "this machine is not registered",
        why=f"there is no identity in {path}",
        do="farhand-agent register --group GROUP --endpoint HOST:PORT --token TOKEN",
    )


def _damaged(path: Path) -> StateError:
    return StateError(
        f"{path} is damaged",
        why="it does not hold what this agent wrote",
        do="give the worker a new identity: farhand-agent register --replace",
    )
