"""One file of a spool. Its name says where it starts and the CRC-32 of all bytes before it, so that
a spool whose beginning was freed still knows its own checksum."""

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from farhand_wire import spool as wire

#: As os.writev.
Write = Callable[[int, Sequence[bytes]], int]
_NAME = re.compile(r"spool\.([0-9a-f]{16})\.([0-9a-f]{8})")
#: Read at a time.
_CHUNK_BYTES = 1024 * 1024


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

    def append(self, file: int, parts: Sequence[bytes], write: Write = os.writev) -> None:
        """Append all parts or none. Raises OSError when the disk is full."""
        length = sum(map(len, parts))
        if write(file, parts) < length:
            os.ftruncate(file, self.size)
            raise OSError(f"no space for {length} bytes in {self.folder}")
        self.size += length

    def write(self, data: bytes) -> None:
        """Becomes a new file with just this. Raises OSError; then there is none."""
        file = self.create()
        try:
            self.append(file, [data])
        except OSError:
            os.unlink(self.path)
            raise
        finally:
            os.close(file)

    def move(self, start: int, crc_before: int, disk: Path) -> None:
        """The same bytes behind others; descriptors stay good. A copy on `disk` goes: it would be
        taken for another segment by who finds this half done."""
        path = self.path
        if self.folder != disk:
            with suppress(FileNotFoundError):
                os.unlink(disk / self.name)
            self.synced = 0
        self.start, self.crc_before = start, crc_before
        self.path = f"{self.folder}/{self.name}"
        os.rename(path, self.path)

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

    def checksum(self, size: int, crc_before: int | None = None) -> int:
        """The CRC-32 of all bytes of the spool before this segment and of its first `size`; or
        behind others than those, with this checksum."""
        crc = self.crc_before if crc_before is None else crc_before
        with open(self.path, "rb", buffering=0) as file:
            while size and (data := file.read(min(size, _CHUNK_BYTES))):
                crc = zlib.crc32(data, crc)
                size -= len(data)
        return crc

    def remove(self, disk: Path) -> None:
        # First the copy, which may hold less: alone it would look like the whole segment.
        for path in (f"{disk}/{self.name}", self.path):
            with suppress(OSError):
                os.unlink(path)


def _copy(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        data = os.pread(source, min(_CHUNK_BYTES, end - start), start)
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


def runs(first: Path, disk: Path) -> list[list[Segment]]:
    """The segments of both folders, those that follow each other together; more than one list only
    after a loss of power."""
    found: dict[int, Segment] = {}
    for each in (*segments(disk), *segments(first)):
        # The copy that is behind may be either: memory knew more, the disk outlived it.
        if each.start not in found or found[each.start].size <= each.size:
            found[each.start] = each
    return _joined([found[start] for start in sorted(found)])


def sound(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The same without those whose bytes are not what the next one's name says they were."""
    return _joined(
        [
            each
            for each, following in zip_longest(segments, segments[1:])
            if following is None
            or each.end != following.start
            or each.checksum(each.size) == following.crc_before
        ]
    )


def _joined(segments: Iterable[Segment]) -> list[list[Segment]]:
    runs: list[list[Segment]] = []
    for each in segments:
        if runs and runs[-1][-1].end == each.start:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def line_up(segments: Sequence[Segment], disk: Path) -> None:
    """Let segments follow the first one. Whoever dies at this leaves them in the same order, and it
    can be done again."""
    start, crc = segments[0].end, segments[0].checksum(segments[0].size)
    moves = []
    for each in segments[1:]:
        moves.append((each, start, crc))
        start, crc = start + each.size, each.checksum(each.size, crc)
    if any(start > each.start for each, start, _ in moves):
        moves.reverse()
    for each, start, crc in moves:
        if (each.start, each.crc_before) != (start, crc):
            each.move(start, crc, disk)


def follows(run: Sequence[Segment], offset: int, crc: int | None) -> bool:
    """Whether segments that follow each other hold what comes behind `offset` bytes with this
    checksum; None: it is not known."""
    if not run[0].start <= offset <= run[-1].end:
        return False
    if crc is None:
        return True
    segment = next(each for each in reversed(run) if each.start <= offset)
    return segment.checksum(offset - segment.start) == crc


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
