"""What an attempt wrote, until the server holds it: appended once, read from any offset, freed.

The first segment lies beside the attempt on tmpfs, the following ones on disk. Nothing is kept in
memory but what a full disk refuses, which its writer bounds by waiting while the spool is `full`.
"""

import errno
import os
import zlib
from bisect import bisect
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path

from farhand_agent.host.reserve import Reserve
from farhand_agent.host.segment import Segment, Write, contents, follows, line_up, runs, sound
from farhand_wire import limits
from farhand_wire import spool as wire

#: Why a range of a spool is gone.
_HOLE = "the host lost power before these bytes were on its disk"
_RESTORED = "the control plane lost these bytes after the host had let them go"


class Spool:
    """The spool of one attempt. One process writes and reads it."""

    def __init__(
        self,
        first: Path,
        disk: Path,
        *,
        resume: bool = False,
        same_boot: bool = False,
        segment_bytes: int = limits.SPOOL_SEGMENT_BYTES,
        most_bytes: int = limits.SPOOL_BYTES,
        is_used_up: Callable[[], bool] = lambda: False,
        reserve: Reserve | None = None,
        write: Write = os.writev,
    ) -> None:
        """Begin in the folder `first`, or resume what lies in both. `disk` is made when needed.
        `same_boot`: nothing was lost since; who died moved what does not follow each other.
        `is_used_up`: whether all spools together have taken what they may. `reserve` is for the end
        of the attempt."""
        self._first = first
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._most_bytes = most_bytes
        self._is_used_up = is_used_up
        self._reserve = reserve
        self._write_file = write
        self._waiting: deque[tuple[bytes, ...]] = deque()
        #: What lies behind a hole, which only a loss of power makes, is in `_stray`.
        found = runs(first, disk) if resume else []
        if same_boot and len(found) > 1:
            found = [self._lined_up([*chain(*found)])]
        self._segments, *self._stray = found or [[]]
        #: Bytes of the prefix that the server holds durably.
        self.durable = self._segments[0].start if self._segments else 0
        #: The time of the last entry that was found.
        self.elapsed_ms = 0
        #: How the attempt ended, if the spool says so.
        self.exit: wire.Exit | None = None
        self.crc = 0
        if self._segments:
            self._file = self._resume()
        else:
            self._segments.append(Segment(folder=first, start=0, crc_before=0))
            self._file = self._last.create()

    @property
    def base(self) -> int:
        """Offset of the first byte that is still here."""
        return self._segments[0].start

    @property
    def size(self) -> int:
        """Bytes of the whole spool, the freed ones included."""
        return self._last.end

    @property
    def full(self) -> bool:
        """True: who writes should wait."""
        return bool(self._waiting) or self.size - self.durable >= self._most_bytes

    @property
    def complete(self) -> bool:
        """True when the exit is in it: nothing follows."""
        return self.exit is not None and not self._waiting

    def append(self, *entry: bytes) -> None:
        """Append one entry, given in parts."""
        self._waiting.append(entry)
        self.flush()

    def end(self, exit_: wire.Exit, elapsed_ms: int) -> None:
        """Append the exit; nothing may follow it."""
        self.exit = exit_
        self.append(wire.pack_exit(exit_, elapsed_ms))

    def flush(self) -> None:
        """Try again what a full disk refused."""
        while self._waiting:
            try:
                self._write(self._waiting[0])
            except OSError:
                if not self._roll_to_reserve():
                    return
            else:
                self._waiting.popleft()

    def read(self, offset: int, most: int) -> bytes:
        """Whole entries from `offset`, which is the start of one; at most `most` bytes and none
        when the next entry is larger."""
        segment = self._segments[bisect(self._segments, offset, key=lambda each: each.start) - 1]
        length = min(most, segment.end - offset)
        if segment is self._last:
            data = os.pread(self._file, length, offset - segment.start)
        else:
            with open(segment.path, "rb", buffering=0) as file:
                data = os.pread(file.fileno(), length, offset - segment.start)
        if offset + length < segment.end:
            return data[: wire.whole(data, most)]
        return data

    def free(self, durable: int) -> None:
        """The server holds this prefix: whole segments below it go."""
        self.durable = max(self.durable, min(durable, self.size))
        while len(self._segments) > 1 and self._segments[0].end <= self.durable:
            self._segments.pop(0).remove(self._disk)

    def sync(self) -> None:
        """Make what the server does not hold durably survive a power loss here. Raises OSError."""
        due = [each for each in self._segments if each.end > self.durable]
        due = [each for each in due if each.synced < each.size]
        if not due:
            return
        self._disk.mkdir(mode=0o700, exist_ok=True)
        for segment in due:
            segment.sync(self._disk)
        for folder in (self._disk, self._disk.parent):
            _sync_folder(folder)

    def go_on(self, offset: int, crc: int | None) -> wire.Omitted | None:
        """After a loss of power: go on behind the `offset` bytes that the server holds. What is
        here counts as far as it follows these, by the checksum `crc`, without a hole; else the
        server is right. The range that is gone, if there is one."""
        found = [*chain(self._segments, *self._stray)]
        end = found[-1].end
        os.close(self._file)
        self._segments = next((run for run in sound(found) if follows(run, offset, crc)), [])
        self._stray = []
        for segment in found:
            if segment not in self._segments:
                segment.remove(self._disk)
        if self._segments:
            self._file = self._resume()
        else:
            self.crc, self.exit = self.crc if crc is None else crc, None
            self._segments = [Segment(folder=self._first, start=offset, crc_before=self.crc)]
            self._file = self._last.create()
        self.durable = max(self.durable, self.base)
        if self.exit is not None or end <= self.size:
            return None
        return wire.Omitted(stream=None, start=self.size, end=end, reason=_HOLE)

    def recede(self, offset: int, crc: int | None) -> None:
        """Go on behind the `offset` bytes with checksum `crc` that the server holds, also where it
        held more once: what was freed for that is named by an entry in its place."""
        self.durable = min(self.durable, offset)
        if offset >= self.base:
            return
        gone = wire.Omitted(stream=wire.Kind.OUTPUT, start=offset, end=self.base, reason=_RESTORED)
        note = wire.pack_omitted(gone, self.elapsed_ms)
        before = Segment(folder=self._first, start=offset, crc_before=crc or 0)
        try:
            before.write(note)
        except OSError:
            return  # asked again as long as it has not been told
        self._segments.insert(0, before)
        line_up(self._segments, self._disk)
        self.crc = self._last.checksum(self._last.size)

    def close(self) -> None:
        os.close(self._file)

    def remove(self) -> None:
        """Forget every byte."""
        self.close()
        for segment in chain(self._segments, *self._stray):
            segment.remove(self._disk)
        with suppress(OSError):  # never made
            os.rmdir(self._disk)

    @property
    def _last(self) -> Segment:
        return self._segments[-1]

    def _write(self, entry: tuple[bytes, ...]) -> None:
        # What is written at the end is little: its segment may become larger than others.
        enough = self._last.size + sum(map(len, entry)) > self._segment_bytes
        if enough and self._last.size and self.exit is None:
            self._roll_to_disk()
        try:
            self._last.append(self._file, entry, self._write_file)
        except OSError:
            if self._last.folder == self._disk:
                raise
            # The tmpfs is full; the disk may not be.
            self._roll_to_disk()
            self._last.append(self._file, entry, self._write_file)
        for part in entry:
            self.crc = zlib.crc32(part, self.crc)

    def _roll_to_disk(self) -> None:
        # At the end nothing would come of waiting; and whose output is taken waits for no other.
        behind = self.size - self.durable > self._segment_bytes
        if behind and self.exit is None and self._is_used_up():
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), os.fspath(self._disk))
        segment = self._next()
        self._disk.mkdir(mode=0o700, exist_ok=True)
        self._roll(segment, segment.create())

    def _roll_to_reserve(self) -> bool:
        """At the end of the attempt, where the disk is full; whether that was possible."""
        if self.exit is None or self._reserve is None:
            return False
        segment = self._next()
        try:
            self._reserve.spend(self._disk, segment.name)
            self._roll(segment, segment.reopen())
        except OSError:
            return False
        return True

    def _next(self) -> Segment:
        return Segment(folder=self._disk, start=self.size, crc_before=self.crc)

    def _roll(self, segment: Segment, file: int) -> None:
        os.close(self._file)
        self._file = file
        if self._last.size == 0 and (empty := self._segments.pop()).path != segment.path:
            os.unlink(empty.path)
        self._segments.append(segment)

    def _lined_up(self, segments: list[Segment]) -> list[Segment]:
        if contents(segments[0]).size < segments[0].size:
            # A note that is torn: nothing was moved for it yet.
            segments.pop(0).remove(self._disk)
        line_up(segments, self._disk)
        return segments

    def _resume(self) -> int:
        """Cut what a crash tore off the last entry, and learn the checksum."""
        found = contents(self._last)
        os.truncate(self._last.path, found.size)
        self._last.size = found.size
        self.crc, self.elapsed_ms, self.exit = found.crc, found.elapsed_ms, found.exit
        return self._last.reopen()


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
