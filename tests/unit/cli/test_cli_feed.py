import threading
from collections.abc import Iterator

import grpc
import pytest

from farhand_cli.feed import (
    BACKOFF_CAP_SECONDS,
    WAITING_EVENTS,
    Back,
    Event,
    Feed,
    Lost,
    Quiet,
    delay_seconds,
    resumed,
)
from farhand_wire.v1.job_pb2 import (
    JOB_STATUS_COMPLETED,
    JOB_STATUS_RUNNING,
    FollowJobOutputResponse,
    Job,
    OutputOmitted,
    OutputPosition,
    OutputRecord,
)

RUNNING = FollowJobOutputResponse(status=Job(status=JOB_STATUS_RUNNING))
COMPLETED = FollowJobOutputResponse(status=Job(status=JOB_STATUS_COMPLETED))


class Cut(grpc.RpcError):
    """A call that ended badly."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code


CUT = Cut(grpc.StatusCode.UNAVAILABLE)


def record(data: bytes, offset: int) -> FollowJobOutputResponse:
    position = OutputPosition(attempt=1, offset=offset)
    return FollowJobOutputResponse(output=OutputRecord(data=data, next=position))


def gap(offset: int | None) -> FollowJobOutputResponse:
    position = None if offset is None else OutputPosition(attempt=1, offset=offset)
    return FollowJobOutputResponse(omitted=OutputOmitted(reason="gone", next=position))


class Streams:
    """Answers each opening with the next list; an exception in it ends that stream."""

    def __init__(self, *streams: list[FollowJobOutputResponse | Cut]) -> None:
        self._streams = iter(streams)
        self.opened: list[int | None] = []
        self.pauses: list[float] = []

    def open(self, position: OutputPosition | None) -> Iterator[FollowJobOutputResponse]:
        self.opened.append(None if position is None else position.offset)
        for item in next(self._streams):
            if isinstance(item, Cut):
                raise item
            yield item

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return False

    def events(self, *, reached: bool = False) -> list[Event]:
        return list(
            resumed(
                self.open,
                reached=reached,
                pause=self.pause,
                clock=lambda: 7.0 * len(self.pauses),
                chance=lambda: 0.0,
            )
        )


def test_a_stream_that_ends_with_its_job_is_the_end() -> None:
    streams = Streams([RUNNING, record(b"ab", 2), COMPLETED])

    assert streams.events() == [RUNNING, record(b"ab", 2), COMPLETED]
    assert streams.opened == [None]


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED],
)
def test_a_cut_is_resumed_after_the_last_record(code: grpc.StatusCode) -> None:
    streams = Streams([RUNNING, record(b"ab", 2), Cut(code)], [RUNNING, record(b"c", 3), COMPLETED])

    events = streams.events()

    assert events == [
        RUNNING,
        record(b"ab", 2),
        Lost(received=2),
        Back(after_seconds=7.0, received=2),
        RUNNING,
        record(b"c", 3),
        COMPLETED,
    ]
    assert streams.opened == [None, 2]


@pytest.mark.parametrize(("place", "resumed_at"), [(9, 9), (None, 2)], ids=["new", "old server"])
def test_a_cut_behind_a_gap_is_resumed_behind_it(place: int | None, resumed_at: int) -> None:
    streams = Streams([RUNNING, record(b"ab", 2), gap(place), CUT], [record(b"c", 10), COMPLETED])
    streams.events()

    assert streams.opened == [None, resumed_at]


def test_a_stream_that_ends_before_its_job_was_cut_as_well() -> None:
    streams = Streams([RUNNING], [COMPLETED])

    assert Lost(received=0) in streams.events()


def test_a_long_absence_is_told_once() -> None:
    streams = Streams([RUNNING, CUT], [CUT], [CUT], [COMPLETED])

    told = [event for event in streams.events() if isinstance(event, Lost | Back)]

    assert told == [Lost(received=0), Back(after_seconds=21.0, received=0)]


def test_the_pauses_grow_until_output_comes() -> None:
    streams = Streams([RUNNING, CUT], [CUT], [record(b"a", 1), CUT], [COMPLETED])
    streams.events()

    assert streams.pauses == [0.125, 0.25, 0.125]


def test_a_server_that_was_never_there_is_told_at_once() -> None:
    with pytest.raises(Cut):
        Streams([CUT]).events()


def test_a_server_that_was_there_before_is_waited_for() -> None:
    assert Streams([CUT], [COMPLETED]).events(reached=True)[-1] == COMPLETED


def test_an_answer_is_not_asked_for_again() -> None:
    streams = Streams([RUNNING, Cut(grpc.StatusCode.NOT_FOUND)], [COMPLETED])

    with pytest.raises(Cut):
        streams.events()

    assert streams.opened == [None]


def test_pauses_are_spread_and_end_at_a_cap() -> None:
    assert delay_seconds(0, 0.0) == 0.125
    assert delay_seconds(0, 1.0) == 0.25
    assert delay_seconds(10_000, 1.0) == BACKOFF_CAP_SECONDS


def test_a_feed_hands_over_everything_and_then_none() -> None:
    feed = Feed(Streams([RUNNING, COMPLETED]).open, reached=False)

    events = [feed.next(10), feed.next(10), feed.next(10)]

    assert events == [RUNNING, COMPLETED, None]


def test_a_feed_raises_what_its_call_raised() -> None:
    feed = Feed(Streams([CUT]).open, reached=False)

    with pytest.raises(Cut):
        feed.next(10)


def test_a_feed_without_news_is_quiet() -> None:
    forever = threading.Event()

    def open_(_: OutputPosition | None) -> Iterator[FollowJobOutputResponse]:
        yield RUNNING
        forever.wait()

    feed = Feed(open_, reached=False)

    assert [feed.next(10), feed.next(0.01)] == [RUNNING, Quiet()]
    feed.leave()
    forever.set()


def test_a_slow_reader_holds_the_stream_back() -> None:
    pulled = 0
    full = threading.Event()

    def open_(_: OutputPosition | None) -> Iterator[FollowJobOutputResponse]:
        nonlocal pulled
        while True:
            pulled += 1
            if pulled > WAITING_EVENTS:
                full.set()
            yield RUNNING

    feed = Feed(open_, reached=False)

    assert full.wait(10)
    assert pulled <= WAITING_EVENTS + 1
    feed.leave()
