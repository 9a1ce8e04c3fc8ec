"""What becomes of bytes."""

from typing import Any

import pytest
from tests.support.memory_output import MemoryOutputStore

from farhand_agent.core import offsets, outbox, runners
from farhand_agent.core.effects import SendFrame
from farhand_agent.core.frames import Result
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.writer import Ledger
from farhand_server.model.output import SpoolId


def stored_passes_for_durable(patch: pytest.MonkeyPatch) -> None:
    acknowledge = OutputDesk._acknowledge

    def hasty(desk: OutputDesk, spool: Any, stored: int, *, durable: int) -> None:
        acknowledge(desk, spool, stored, durable=stored)

    patch.setattr(OutputDesk, "_acknowledge", hasty)


def a_sync_does_not_wait_for_the_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryOutputStore, "sync", MemoryOutputStore.commit)


def output_is_taken_from_anyone(patch: pytest.MonkeyPatch) -> None:
    mine = OutputDesk._mine

    def anyones(desk: OutputDesk, session: Any, spool: Any) -> Any:
        return desk._arrivals.get(spool) or mine(desk, session, spool)

    patch.setattr(OutputDesk, "_mine", anyones)


def the_agent_frees_what_is_stored(patch: pytest.MonkeyPatch) -> None:
    acknowledged = offsets.Flow.acknowledged

    def hasty(flow: offsets.Flow, *, stored: int, durable: int) -> int:
        return acknowledged(flow, stored=stored, durable=stored)

    patch.setattr(offsets.Flow, "acknowledged", hasty)


def what_has_only_arrived_is_acknowledged(patch: pytest.MonkeyPatch) -> None:
    output = OutputDesk.output

    def hasty(desk: OutputDesk, session: Any, frame: Any) -> None:
        output(desk, session, frame)
        spool = SpoolId(job=frame.job, attempt=frame.attempt)
        received = desk._arrivals[spool].received
        desk._acknowledge(spool, received, durable=received)

    patch.setattr(OutputDesk, "output", hasty)


def a_result_does_not_wait_for_its_output(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "_sync", lambda ledger: None)


def the_agent_forgets_what_it_has_reported(patch: pytest.MonkeyPatch) -> None:
    said = outbox._said

    def hasty(attempt: Any, live: Any, most: int, now: float) -> tuple[list[Any], int]:
        effects, taken = said(attempt, live, most, now)
        if any(isinstance(e, SendFrame) and isinstance(e.frame, Result) for e in effects):
            effects += runners.finished(attempt, live)
        return effects, taken

    patch.setattr(outbox, "_said", hasty)
