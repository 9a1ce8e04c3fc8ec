"""What is said before it is so."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.memory import MemoryStateStore, MemoryTx

from farhand_server.engine.turns import Turns
from farhand_server.errors import OutcomeUnknown
from farhand_server.model.job import JobStatus


def grants_write_no_row(patch: pytest.MonkeyPatch) -> None:
    swap = MemoryTx.swap_job

    def forgetful(tx: MemoryTx, old: Any, new: Any) -> bool:
        return new.status is JobStatus.ACTIVATING or swap(tx, old, new)

    patch.setattr(MemoryTx, "swap_job", forgetful)


def promises_leave_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    def all_early(turns: Any, effects: Any) -> list[Any]:
        turns._release(effects)
        return []

    patch.setattr(Turns, "_early", all_early)


def a_failed_commit_passes_for_done(patch: pytest.MonkeyPatch) -> None:
    transaction = MemoryStateStore.transaction

    @contextlib.contextmanager
    def hopeful(store: MemoryStateStore) -> Iterator[MemoryTx]:
        with contextlib.suppress(OutcomeUnknown), transaction(store) as tx:
            yield tx

    patch.setattr(MemoryStateStore, "transaction", hopeful)
