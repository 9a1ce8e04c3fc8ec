"""Counts the calls by which a process changes something outside of it, and ends it at one of them.

FOLDER/crash says at which (see `aim`); a torn write leaves half of its bytes. It happens once,
whichever process comes there first: the file becomes FOLDER/died, which says what the call was.
FOLDER/trace tells what every process called. To die after a call is to die before the next one.
"""

import builtins
import io
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any

#: Calls that write bytes, which may be torn.
_WRITES = ("write", "pwrite", "writev")
#: Python tells of these only if they are replaced ...
_SILENT = (*_WRITES, "fsync", "fdatasync")
#: ... and of these it does.
_TOLD = {
    *("os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir"),
    *("os.chmod", "os.chown", "os.truncate", "os.fork", "os.posix_spawn", "os.kill"),
    *("socket.bind", "socket.sendmsg"),
}
_CHANGES = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_RDWR
#: Half of what a control file is told would be something else.
_CONTROL = ("/proc/", "/sys/")
_IDS = re.compile(r"[0-9a-f]+(-[0-9a-f]+)+|[0-9a-f]{8,}|[0-9]+")

_open, _write, _close, _rename, _kill = os.open, os.write, os.close, os.rename, os.kill
_open_file = builtins.open


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that a process made."""

    pid: int
    #: Of its life; what follows counts from there.
    part: str
    number: int
    #: The nth of those that do the same to files of this name.
    nth: int
    name: str
    #: The file, as far as there is one.
    what: str
    may_be_torn: bool

    @property
    def key(self) -> str:
        """The same for calls that do the same, whatever the numbers in names are."""
        return f"{self.name} {_IDS.sub('#', os.path.basename(self.what))}"

    @classmethod
    def read(cls, line: str) -> "Call":
        return cls(**json.loads(line))

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def aim(folder: Path, call: Call, *, torn: bool) -> None:
    """The next process that comes to the call in this part of its life dies there."""
    fresh = folder / "crash.new"
    fresh.write_text(json.dumps([call.part, call.key, call.nth, torn]))
    fresh.rename(folder / "crash")


def last_life(calls: Iterable[Call]) -> list[Call]:
    """From the last one that was the first in its part."""
    found: list[Call] = []
    for call in calls:
        found = [call] if call.number == 1 else [*found, call]
    return found


def points(calls: list[Call]) -> Iterator[tuple[Call, bool]]:
    """Where to die: at each call, and with a torn write where there is one."""
    for call in calls:
        yield call, False
        if call.may_be_torn:
            yield call, True


class CrashPoints:
    """The calls of this process, by the part of its life that it is in."""

    def __init__(self, folder: Path) -> None:
        self._crash, self._died, self._trace = (
            os.fspath(folder / name) for name in ("crash", "died", "trace")
        )
        self._part = ""
        self._pid = 0
        self._keys: Counter[str] = Counter()
        self._at = ("", 0)
        self._torn = False
        self._is_noting = False

    def watch(self) -> None:
        """From now on. Modules that bind functions while they are loaded come later."""
        for name in _SILENT:
            self.count(os, name)
        self.count(signal, "pidfd_send_signal")
        for module in (io, builtins):
            setattr(module, "open", self._open)  # noqa: B010 - mypy knows better what open is
        sys.addaudithook(self._told)

    def count(self, where: object, name: str) -> None:
        """Count the calls of a function that Python tells nobody of."""
        call = getattr(where, name)

        @wraps(call)
        def counted(*values: Any, **named: Any) -> Any:
            return self._silent(name, call, *values, **named)

        setattr(where, name, counted)

    def begin(self, part: str) -> None:
        """Counts anew, in this process and not in those that it forks."""
        self._part, self._pid, self._at = part, os.getpid(), ("", 0)
        self._keys.clear()
        with suppress(FileNotFoundError), _open_file(self._crash) as file:
            wanted, key, nth, torn = json.load(file)
            if wanted == part:
                self._at, self._torn = (key, nth), torn

    @property
    def _counts(self) -> bool:
        return bool(self._part) and not self._is_noting and self._pid == os.getpid()

    def _told(self, event: str, values: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(values[0], int) and values[2] & _CHANGES:
            if self._counts:
                self._reach("open", values[0])
        elif event in _TOLD and self._counts:
            self._reach(event.partition(".")[2], values[0] if values else "")

    def _silent(self, name: str, call: Callable[..., Any], *values: Any, **named: Any) -> Any:
        if self._counts:
            what, tear = _name(values[0]), None
            if name in _WRITES and what.startswith("/") and not what.startswith(_CONTROL):
                tear = partial(call, values[0], _half(values[1]), *values[2:])
            self._reach(name, what, tear)
        return call(*values, **named)

    def _open(self, file: Any, mode: str = "r", *values: Any, **named: Any) -> Any:
        """Files that are written are written by calls that are counted."""
        if not self._counts or not set(mode) & set("wxa"):
            return _open_file(file, mode, *values, **named)
        writer = io.BufferedWriter(_Raw(file, mode.translate({ord("b"): None, ord("t"): None})))
        return writer if "b" in mode else io.TextIOWrapper(writer, encoding="utf-8")

    def _reach(self, name: str, on: object, tear: Callable[[], Any] | None = None) -> None:
        self._is_noting = True
        with _as_who_began():
            self._note(name, on, tear)
        self._is_noting = False

    def _note(self, name: str, on: object, tear: Callable[[], Any] | None) -> None:
        call = Call(
            pid=self._pid,
            part=self._part,
            number=self._keys.total() + 1,
            nth=0,
            name=name,
            what=_name(on),
            may_be_torn=tear is not None,
        )
        self._keys[call.key] += 1
        call = replace(call, nth=self._keys[call.key])
        file = _open(self._trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        _write(file, f"{call}\n".encode())
        _close(file)
        if (call.key, call.nth) == self._at:
            self._die(call, tear if self._torn else None)

    def _die(self, call: Call, tear: Callable[[], Any] | None) -> None:
        mine = f"{self._died}.{self._pid}"
        try:
            _rename(self._crash, mine)
        except FileNotFoundError:  # another one was first
            return
        if tear is not None:
            with suppress(OSError):
                tear()
        # Others may be reading the file that says where.
        os.unlink(mine)
        file = _open(mine, os.O_WRONLY | os.O_CREAT, 0o666)
        _write(file, str(call).encode())
        _rename(mine, self._died)
        _kill(self._pid, signal.SIGKILL)


@contextmanager
def _as_who_began() -> Iterator[None]:
    """A process that is another user for a moment may not write here; its saved user may."""
    _, now, saved = os.getresuid()
    if now != saved:
        os.seteuid(saved)
    try:
        yield
    finally:
        if now != saved:
            os.seteuid(now)


class _Raw(io.FileIO):
    def write(self, data: Any, /) -> int:
        return os.write(self.fileno(), data)


def _name(on: object) -> str:
    if isinstance(on, int):
        with suppress(OSError):
            return os.readlink(f"/proc/self/fd/{on}")
    return os.fsdecode(on) if isinstance(on, str | bytes | os.PathLike) else ""


def _half(data: Any) -> Any:
    """Of what is to be written: bytes, or parts."""
    if isinstance(data, bytes | memoryview):
        return data[: len(data) // 2]
    return [bytes(b"".join(data)[: sum(map(len, data)) // 2])]
