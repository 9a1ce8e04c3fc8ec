"""The disk is watched: a change is said once, and undone by itself."""

import pytest
from structlog.testing import capture_logs

from farhand_server.core.events import DiskLow
from farhand_server.disk import DiskWatch
from farhand_server.room import Room
from farhand_wire import limits

MB = 1024 * 1024
LARGE = 1024 * 1024 * MB


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Here the log is what is looked at."""


class Desk:
    """Implements Desk."""

    def __init__(self) -> None:
        self.paused: list[str] = []

    def pause(self, reason: str) -> None:
        self.paused.append(reason)

    def resume(self) -> None:
        self.paused.append("")


class Bench:
    """A disk whose room a test chooses."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.told: list[bool] = []
        self.free = LARGE
        self.watch = DiskWatch(room=self.room, tell=self.tell, desk=self.desk)

    def room(self) -> Room:
        return Room(free=self.free, total=LARGE)

    def tell(self, event: DiskLow) -> None:
        self.told.append(event.low)

    def look(self, *free: int) -> list[str]:
        """Looks at so much room each time; what it logged."""
        with capture_logs() as logs:
            for self.free in free:
                self.watch.look()
        return [line["event"] for line in logs]


@pytest.mark.parametrize(
    ("total", "needed"), [(200 * MB, 10 * MB), (4096 * MB, 204 * MB), (LARGE, 512 * MB)]
)
def test_a_twentieth_of_a_small_disk_or_512_mb_of_a_large_one_is_kept_free(
    total: int, needed: int
) -> None:
    room = Room(free=needed - 1, total=total)

    assert room.needed // MB == needed // MB
    assert room.is_low
    assert not Room(free=room.needed, total=total).is_low


def test_a_disk_with_room_is_left_alone() -> None:
    bench = Bench()

    assert bench.look(LARGE, 513 * MB) == []
    assert (bench.told, bench.desk.paused) == ([], [])


def test_a_change_is_said_once_to_rules_desk_and_log() -> None:
    bench = Bench()
    logged = bench.look(LARGE, 511 * MB, 100 * MB, 0)

    assert logged == ["disk almost full: no job is given away and no output taken"]
    assert bench.told == [True]
    assert bench.desk.paused == ["the control plane's disk is almost full"]


def test_it_goes_on_by_itself_when_there_is_more_than_just_enough() -> None:
    bench = Bench()
    bench.look(100 * MB)

    assert bench.look(520 * MB, 600 * MB) == []
    assert bench.look(700 * MB, LARGE) == ["disk has room again"]
    assert bench.told == [True, False]
    assert bench.desk.paused[1:] == [""]


def test_a_disk_at_the_edge_does_not_flutter() -> None:
    bench = Bench()
    bench.look(*[511 * MB, 513 * MB] * 20)

    assert bench.told == [True]


def test_the_limits_are_those_of_the_table() -> None:
    assert (limits.DISK_FREE_BYTES, limits.DISK_FREE_SHARE) == (512 * MB, 0.05)
