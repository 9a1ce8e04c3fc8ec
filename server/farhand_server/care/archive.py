"""A backup file: a plain tar of a few known names, and a manifest with their checksums."""

import contextlib
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from farhand_server.care import manifest
from farhand_server.care.manifest import Manifest, Member
from farhand_server.data import sync_directory
from farhand_server.errors import StartError

_STEP = 1024 * 1024
#: Written so much, the disk is waited for: a server beside us waits with us at its own commits.
_SYNC_BYTES = 8 * _STEP


class Packer:
    """Fills an archive, one file after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        self.members: dict[str, Member] = {}

    def add(self, name: str, path: Path) -> None:
        """A file, under a name of the archive."""
        with path.open("rb") as source:
            reader = _Summing(source)
            self._tar.addfile(_header(name, os.fstat(source.fileno()).st_size), reader)
        self.members[name] = reader.member()

    def seal(self, made: Manifest) -> None:
        """The last member; nothing follows it."""
        content = made.encode()
        self._tar.addfile(_header(manifest.NAME, len(content)), io.BytesIO(content))
        self._tar.close()


@contextlib.contextmanager
def new_archive(path: Path) -> Iterator[tuple[Packer, Path]]:
    """An archive that is whole or not there, for its owner alone, and a directory beside it for
    what goes into it. Raises StartError when it cannot be written."""
    try:
        desk = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            with _new_file(desk / "archive") as file:
                yield Packer(file), desk
            os.rename(desk / "archive", path)
            sync_directory(path.parent)
        finally:
            shutil.rmtree(desk)
    except OSError as error:
        raise StartError(
            f"{path} cannot be written",
            why=f"{error.filename or path}: {error.strerror}",
            do="choose a directory with room, and a name that is no directory's",
        ) from error


class Archive:
    """A backup to be restored."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        members = tar.getmembers()
        named = {member.name: member for member in members}
        if manifest.NAME not in named:
            raise _torn("it has no manifest: it was cut short, or is something else")
        self.manifest = manifest.decode(self._read(named.pop(manifest.NAME)))
        if len(members) != len(named) + 1 or named.keys() != self.manifest.files.keys():
            raise _torn("its files are not those of its manifest")
        if not all(member.isreg() for member in members):
            raise _torn("something in it is no file")
        self._members = named

    def extract(self, name: str, path: Path) -> None:
        """Writes one file, new, for its owner alone, durably. Raises StartError unless it is what
        was packed."""
        with _opened(self._tar, self._members[name]) as source, _new_file(path) as target:
            reader = _Summing(source)
            shutil.copyfileobj(reader, target, _STEP)
        if reader.member() != self.manifest.files[name]:
            raise _torn(f"{name} is not what was packed")

    def _read(self, member: tarfile.TarInfo) -> bytes:
        with _opened(self._tar, member) as source:
            return source.read()


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Raises StartError for a file that is not a whole backup."""
    try:
        with tarfile.open(path, "r:") as tar:
            yield Archive(tar)
    except tarfile.TarError as error:
        raise _torn(str(error)) from error
    except OSError as error:
        raise StartError(
            f"{path} cannot be read", why=error.strerror or "", do="look where backups are kept"
        ) from error


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    if file is None:
        raise _torn(f"{member.name} is no file")
    return file


def _torn(why: str) -> StartError:
    return StartError("this is not a whole backup", why=why, do="take another one")


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    return header


class _Summing:
    """Passes bytes on and sums them up."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._sum = hashlib.sha256()
        self._size = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._sum.update(data)
        self._size += len(data)
        return data

    def member(self) -> Member:
        return Member(bytes=self._size, sha256=self._sum.hexdigest())


class _PacedFile(io.FileIO):
    """Waits for the disk every now and then, and when it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w")
        self._unsynced = 0

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self._unsynced += written
        if self._unsynced > _SYNC_BYTES:
            os.fdatasync(self.fileno())
            self._unsynced = 0
        return written

    def close(self) -> None:
        if not self.closed:
            os.fsync(self.fileno())
        super().close()


def _new_file(path: Path) -> io.BufferedWriter:
    """A new file for its owner alone, durable when it is closed."""
    return io.BufferedWriter(_PacedFile(path), _STEP)
