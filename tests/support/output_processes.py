"""Output stores together with the process that they are opened in."""

from pathlib import Path
from typing import Protocol

from tests.support.memory_output import MemoryOutputStore

from farhand_server.engine.ports import OutputStore
from farhand_server.store.sqlite import SqliteOutputStore


class Bytes(Protocol):
    """An output store, and what happens to its process."""

    @property
    def store(self) -> OutputStore: ...
    def restart(self) -> None:
        """The process ends without a word; the next one opens what is there."""
        ...


class MemoryBytes:
    def __init__(self) -> None:
        self.store = MemoryOutputStore()

    def restart(self) -> None:
        self.store.close()
        self.store.sync()


class SqliteBytes:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.store = SqliteOutputStore(path)

    def restart(self) -> None:
        self.store.close()
        self.store = SqliteOutputStore(self._path)
