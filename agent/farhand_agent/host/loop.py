"""One thread that waits for descriptors, moments and signals; asyncio is too much for a fork."""

import os
import selectors
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress

from farhand_agent.host.linux import boot_seconds

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Timer:
    """A call that is due at a moment, until it is cancelled."""

    __slots__ = ("call", "when")

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call = call


class Loop:
    """Calls back when a descriptor is ready or a moment has come."""

    def __init__(self, clock: Callable[[], float] = boot_seconds) -> None:
        self.clock = clock
        self._selector = selectors.DefaultSelector()
        self._timers: set[Timer] = set()
        self._result: int | None = None

    def watch(self, source: int, call: Callable[[], object], events: int = READ) -> None:
        """Call whenever `source` is ready; replaces what was asked for it before."""
        try:
            self._selector.register(source, events, call)
        except KeyError:
            self._selector.modify(source, events, call)

    def forget(self, source: int) -> None:
        """Watch it no more; fine if it was not watched."""
        with suppress(KeyError):
            self._selector.unregister(source)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, so many seconds from now."""
        timer = Timer(self.clock() + seconds, call)
        self._timers.add(timer)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Fine if it was called already, or is none."""
        if timer is not None:
            self._timers.discard(timer)

    def stop(self, result: int) -> None:
        """End `run` after this turn."""
        self._result = result

    def run(self) -> int:
        """Serve until `stop`; its result."""
        while self._result is None:
            self.turn()
        return self._result

    def turn(self) -> None:
        """Wait until something is ready or due, and call whom it concerns."""
        patience = None
        if self._timers:
            patience = max(0.0, min(timer.when for timer in self._timers) - self.clock())
        for key, _ in self._selector.select(patience):
            # A call before this one may have closed the descriptor.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        if self._timers:
            now = self.clock()
            due = [timer for timer in self._timers if timer.when <= now]
            for timer in sorted(due, key=lambda timer: timer.when):
                if timer in self._timers:
                    self._timers.remove(timer)
                    timer.call()


def watch_signals(loop: Loop, calls: Mapping[int, Callable[[], None]]) -> None:
    """Call from the loop, never in the middle of something, when a signal has come."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def arrived() -> None:
        for number in set(os.read(reader, 4096)):
            if number in calls:
                calls[number]()

    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in calls:
        signal.signal(number, _wake)
    loop.watch(reader, arrived)


def _wake(number: int, frame: object) -> None:
    """The byte in the wakeup pipe is what counts."""
