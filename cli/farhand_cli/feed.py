"""A job's events, without a gap, however often the connection is lost on the way."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

import grpc

from farhand_cli.outcome import is_final
from farhand_wire.v1.job_pb2 import FollowJobOutputResponse, OutputPosition

BACKOFF_BASE_SECONDS = 0.25
BACKOFF_CAP_SECONDS = 5.0
#: Events that wait for a slow reader; behind them gRPC's flow control holds the server back.
WAITING_EVENTS = 16

#: What a connection that is cut looks like; everything else is an answer.
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    # Proxies end a stream that was idle for too long with either of these.
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; it is tried again."""

    #: Bytes of output that came until now.
    received: int


@dataclass(frozen=True, slots=True)
class Back:
    """The connection is there again; nothing was missed."""

    after_seconds: float
    received: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for a while."""


Event: TypeAlias = FollowJobOutputResponse | Lost | Back
#: Opens the stream at a place; where it begins for None.
Open: TypeAlias = Callable[[OutputPosition | None], Iterable[FollowJobOutputResponse]]


def delay_seconds(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row; `chance` in [0, 1) spreads the callers."""
    ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0 ** min(failures, 16))
    return ceiling * (0.5 + chance / 2)


def resumed(
    open_: Open,
    *,
    reached: bool,
    pause: Callable[[float], bool],
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> Iterator[Event]:
    """The events of a stream until its job is final, through every cut.

    `reached`: the server is known to be there, so that even the first failure passes. `pause` says
    whether to stop trying. Raises grpc.RpcError where trying again cannot help.
    """
    position: OutputPosition | None = None
    received = failures = 0
    lost_at: float | None = None
    while True:
        final = False
        try:
            for item in open_(position):
                if lost_at is not None:
                    yield Back(after_seconds=clock() - lost_at, received=received)
                    lost_at = None
                reached = True
                if item.HasField("output"):
                    position, failures = item.output.next, 0
                    received += len(item.output.data)
                elif item.HasField("omitted"):
                    if item.omitted.HasField("next"):  # an older server has none
                        position, failures = item.omitted.next, 0
                elif item.HasField("status"):
                    final = is_final(item.status)
                yield item
            if final:
                return
        except grpc.RpcError as error:
            if not reached or cast(grpc.Call, error).code() not in PASSING:
                raise
        if lost_at is None:
            lost_at = clock()
            yield Lost(received=received)
        if pause(delay_seconds(failures, chance())):
            return
        failures += 1


class Feed:
    """`resumed` on a thread of its own, so that its reader can do something else meanwhile: draw,
    look at the clock, be interrupted."""

    def __init__(self, open_: Open, *, reached: bool) -> None:
        self._events: queue.Queue[Event | BaseException | None] = queue.Queue(WAITING_EVENTS)
        self._left = threading.Event()
        self._source = resumed(open_, reached=reached, pause=self._left.wait)
        # A daemon: whoever leaves need not wait for a call to notice it.
        threading.Thread(target=self._read, name="feed", daemon=True).start()

    def next(self, patience_seconds: float) -> Event | Quiet | None:
        """The next event; Quiet if none came in time; None at the end. Raises what the call did."""
        try:
            event = self._events.get(timeout=max(0.0, patience_seconds))
        except queue.Empty:
            return Quiet()
        if isinstance(event, BaseException):
            raise event
        return event

    def leave(self) -> None:
        """Nobody reads any more."""
        self._left.set()

    def _read(self) -> None:
        try:
            for event in self._source:
                if not self._hand_over(event):
                    return
        except BaseException as error:
            self._hand_over(error)
        else:
            self._hand_over(None)

    def _hand_over(self, event: Event | BaseException | None) -> bool:
        while not self._left.is_set():
            try:
                self._events.put(event, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False
