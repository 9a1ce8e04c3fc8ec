"""Whatever call of the output store fails, before or after it has done its work: nothing is lost,
nothing is promised that is not so, and the attempt ends with its own bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.memory_output import MemoryOutputStore
from tests.support.output_faults import (
    FaultyOutput,
    FreshShelf,
    MortalSqlite,
    Undoable,
    UndoableSqlite,
    Voyage,
)
from tests.support.samples import job_id

from farhand_server.engine.desk import Shelf
from farhand_server.model.output import SpoolId
from farhand_server.store.sqlite import SqliteQueries, create
from farhand_wire import spool as spools

EXIT = spools.pack_exit(spools.Exit(code=0), 99)
FRAMES = [spools.pack(spools.Kind.OUTPUT, n, bytes([n]) * (50 + n)) for n in range(7)] + [EXIT]
WHOLE = b"".join(FRAMES)


class PowerLoss(MemoryOutputStore):
    """When it fails, only what was synced is left."""

    def rollback(self) -> None:
        self.power_loss()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somewhere to store, and how to read it."""

    store: Undoable
    shelf: Shelf


def in_memory(folder: Path) -> Place:
    store = MemoryOutputStore()
    return Place(store=store, shelf=store.reader())


def without_power(folder: Path) -> Place:
    store = PowerLoss()
    return Place(store=store, shelf=store.reader())


def on_disk(folder: Path) -> Place:
    create(folder)
    queries = SqliteQueries(folder / "farhand.db", folder / "output.db")
    return Place(store=UndoableSqlite(folder / "output.db"), shelf=queries)


def on_a_disk_that_outlives_it(folder: Path) -> Place:
    create(folder)
    state, output = folder / "farhand.db", folder / "output.db"
    return Place(store=MortalSqlite(output), shelf=FreshShelf(state, output))


def run(place: Place, number: int, output_max: int, *, failing: range, after: bool) -> list[str]:
    """An attempt from its first byte to its end; some calls fail on the way. What was called."""
    spool = SpoolId(job=job_id(number), attempt=1)
    store = FaultyOutput(place.store, failing=failing, after=after)
    voyage = Voyage(store, place.shelf, spool, FRAMES, output_max)
    voyage.run()

    extent = place.shelf.extent(spool)
    kept = b"".join(chunk.data for chunk in place.shelf.chunks(spool, 0, 1 << 40))
    assert (extent.stored, extent.durable) == (len(WHOLE), len(WHOLE))
    assert kept == WHOLE[: extent.omitted_from] + WHOLE[extent.omitted_to :]
    assert len(kept) <= output_max + 2 * max(map(len, FRAMES))
    assert voyage.sessions == 1 + len(failing)
    assert not voyage.problems
    return store.called


@pytest.mark.parametrize("after", [False, True], ids=["fails", "succeeds but reports failure"])
@pytest.mark.parametrize("times", [1, 3], ids=["once", "three times in a row"])
@pytest.mark.parametrize("output_max", [1 << 30, 200], ids=["all is kept", "much is left out"])
@pytest.mark.parametrize("kind", [in_memory, without_power, on_disk, on_a_disk_that_outlives_it])
def test_commit_then_timeout_everywhere(
    tmp_path: Path, kind: Callable[[Path], Place], output_max: int, times: int, after: bool
) -> None:
    place = kind(tmp_path)
    called = run(place, 0, output_max, failing=range(0), after=after)
    for number in range(1, len(called) + 1):
        failing = range(number, number + times)
        run(place, number, output_max, failing=failing, after=after)
    place.store.close()

    assert set(called) == {"extent", "chunk", "append", "commit", "sync"}
