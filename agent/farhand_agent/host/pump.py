"""From a script's two pipes into its spool, byte for byte: one entry a read and stream."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

from farhand_agent.host.loop import Loop, Timer
from farhand_agent.host.masker import MaskedPipe, Masker
from farhand_agent.host.sorter import Plain, Sorter
from farhand_agent.host.spool import Spool
from farhand_wire import spool as wire

_PIPE_BYTES = 1024 * 1024
#: A writer that flushes every line gives reads as short as this ...
_SHORT_BYTES = 32 * 1024
#: ... and when they follow each other as fast as this, the pipe is left alone for as long: a
#: tenth of the work, and the first line of a burst still goes at once.
_PAUSE_SECONDS = 0.003
#: Reads of one pipe before anything else gets its turn.
_READS = 4
#: How soon a spool that was full is tried again when nothing else says that it is not.
_FULL_SECONDS = 1.0


class _Pipe:
    """The reading end of one pipe."""

    __slots__ = ("end", "mask", "pause", "read_at", "sorter")

    def __init__(self, end: int, mask: MaskedPipe, sorter: Sorter | Plain) -> None:
        self.end = end
        self.mask = mask
        self.sorter = sorter
        self.read_at = float("-inf")
        self.pause: Timer | None = None


class Pump:
    """Reads both pipes until their ends, unless the spool is full; then the script waits."""

    def __init__(
        self, loop: Loop, spool: Spool, *, masker: Masker, moved: Callable[[], None]
    ) -> None:
        """`moved` is called whenever the spool has grown, or the last pipe has ended."""
        self._loop = loop
        self._masker = masker
        self._spool = spool
        self._moved = moved
        self._started = loop.clock()
        self._pipes: list[_Pipe] = []
        self._stalled = False

    def open(self) -> tuple[int, int]:
        """The writing ends for standard output and standard error; the caller closes them."""
        return self._open(Sorter()), self._open(Plain(wire.Kind.ERROR))

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the script was started."""
        return round((self._loop.clock() - self._started) * 1000)

    @property
    def ended(self) -> bool:
        """True when both pipes were read to their ends."""
        return not self._pipes

    def resume(self) -> None:
        """Look again if the spool was full: it may have room now."""
        if not self._stalled:
            return
        self._spool.flush()
        if not self._spool.full:
            self._stalled = False
            for pipe in self._pipes:
                self._loop.cancel(pipe.pause)
                self._watch(pipe)

    def take(self) -> None:
        """Read what is in the pipes at this moment, full or not."""
        for pipe in list(self._pipes):
            for _ in range(_PIPE_BYTES // wire.PAYLOAD_BYTES + 1):
                if not self._read(pipe):
                    break

    def emit(self, kind: wire.Kind, data: bytes) -> bool:
        """A record that came another way, behind what was written before it; False, and nothing is
        done, while the spool is full."""
        self._spool.flush()
        if self._spool.full:
            return False
        self.take()
        pipe = self._masker.pipe()
        masked = pipe.mask(data) + pipe.rest()
        for start in range(0, len(masked), wire.PAYLOAD_BYTES):
            self._append([(kind, masked[start : start + wire.PAYLOAD_BYTES])])
        self._moved()
        return True

    def finish(self) -> None:
        """Take what is there, and let go of the pipes."""
        self.take()
        for pipe in list(self._pipes):
            self._close(pipe)

    def _open(self, sorter: Sorter | Plain) -> int:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        with suppress(OSError):  # an ordinary user may have used up its share
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        pipe = _Pipe(reader, self._masker.pipe(), sorter)
        self._pipes.append(pipe)
        self._watch(pipe)
        return writer

    def _watch(self, pipe: _Pipe) -> None:
        self._loop.watch(pipe.end, lambda: self._readable(pipe))

    def _readable(self, pipe: _Pipe) -> None:
        for _ in range(_READS):
            if self._spool.full:
                self._spool.flush()
                if self._spool.full:
                    self._stalled = True
                    self._wait(pipe, _FULL_SECONDS)
                    break
            now = self._loop.clock()
            length = self._read(pipe)
            if length < _SHORT_BYTES:
                if length and now - pipe.read_at < _PAUSE_SECONDS:
                    self._wait(pipe, _PAUSE_SECONDS)
                pipe.read_at = now
                break
            pipe.read_at = now
        self._moved()

    def _read(self, pipe: _Pipe) -> int:
        """Bytes read; 0 if the pipe is empty, or closed at its end."""
        try:
            data = os.read(pipe.end, wire.PAYLOAD_BYTES - pipe.sorter.held - pipe.mask.held)
        except BlockingIOError:
            return 0
        if data:
            if known := pipe.mask.mask(data):
                self._append(pipe.sorter.sort(known))
        else:
            self._close(pipe)
        return len(data)

    def _append(self, runs: list[tuple[wire.Kind, bytes]]) -> None:
        for kind, run in runs:
            self._spool.append(wire.HEADER.pack(kind, len(run), self.elapsed_ms), run)

    def _wait(self, pipe: _Pipe, seconds: float) -> None:
        self._loop.forget(pipe.end)
        pipe.pause = self._loop.after(seconds, lambda: self._look_again(pipe))

    def _look_again(self, pipe: _Pipe) -> None:
        # The pause does not count: a burst goes on if more is there at its end.
        pipe.read_at = self._loop.clock()
        self._watch(pipe)

    def _close(self, pipe: _Pipe) -> None:
        if rest := pipe.mask.rest():
            self._append(pipe.sorter.sort(rest))
        self._append(pipe.sorter.rest())
        self._pipes.remove(pipe)
        self._loop.cancel(pipe.pause)
        self._loop.forget(pipe.end)
        os.close(pipe.end)
