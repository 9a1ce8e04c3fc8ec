"""One file of a spool. Its name says where it starts and the CRC-32 of all bytes before it, so that
a spool whose beginning was freed still knows its own checksum."""

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from farhand_wire import spool as wire

_NAME = re.compile(r"spool\.([0-9a-f]{16})\.([0-9a-f]{8})")
_COPY_BYTES = 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Segment:
    """`size` bytes of whole entries from offset `start`; `synced` of them survive a power loss."""

    folder: Path
    start: int
    crc_before: int
    size: int = 0
    synced: int = 0
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"{self.folder}/{self.name}"

    @property
    def end(self) -> int:
        return self.start + self.size

    @property
    def name(self) -> str:
        return f"spool.{self.start:016x}.{self.crc_before:08x}"

    def create(self) -> int:
        """A descriptor to append with and to read from."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return os.open(self.path, flags, 0o600)

    def reopen(self) -> int:
        """The descriptor again, after another process wrote it."""
        return os.open(self.path, os.O_RDWR | os.O_APPEND)

    def append(self, file: int, parts: Sequence[bytes]) -> None:
        """Append all parts or none. Raises OSError when the disk is full."""
        length = sum(map(len, parts))
        if os.writev(file, parts) < length:
            os.ftruncate(file, self.size)
            raise OSError(f"no space for {length} bytes in {self.folder}")
        self.size += length

    def sync(self, disk: Path) -> None:
        """Make every byte survive a power loss; what lies on tmpfs is copied to `disk`."""
        source = os.open(self.path, os.O_RDONLY)
        target = os.open(disk / self.name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if self.folder != disk:
                _copy(source, target, self.synced, self.size)
            os.fsync(target)
        finally:
            os.close(source)
            os.close(target)
        self.synced = self.size

    def remove(self, disk: Path) -> None:
        for path in {self.path, f"{disk}/{self.name}"}:
            with suppress(OSError):
                os.unlink(path)


def _copy(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        data = os.pread(source, min(_COPY_BYTES, end - start), start)
        start += os.pwrite(target, data, start)


def segments(folder: Path) -> Iterator[Segment]:
    """The segments that lie in a folder, in order; none if there is no such folder."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        if match := _NAME.fullmatch(name):
            yield Segment(
                folder=folder,
                start=int(match[1], 16),
                crc_before=int(match[2], 16),
                size=(folder / name).stat().st_size,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the whole entries of a segment say: its length, its checksum, the last entry."""

    size: int
    crc: int
    elapsed_ms: int
    exit: wire.Exit | None


def contents(segment: Segment) -> Contents:
    """Read a segment up to the first entry that is torn or nonsense."""
    data = Path(segment.path).read_bytes()
    size, elapsed_ms, exit_ = 0, 0, None
    with suppress(wire.SpoolError):
        for entry in wire.entries(data):
            if entry.kind is wire.Kind.EXIT:
                exit_ = wire.read_exit(entry.payload)
            size, elapsed_ms = entry.end, entry.elapsed_ms
    crc = zlib.crc32(memoryview(data)[:size], segment.crc_before)
    return Contents(size=size, crc=crc, elapsed_ms=elapsed_ms, exit=exit_)
