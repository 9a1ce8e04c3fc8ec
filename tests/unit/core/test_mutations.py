"""A promise is only tested if breaking its rule is found: each mutation must be caught by seeds."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.support.memory import MemoryStateStore, MemoryTx
from tests.support.memory_output import MemoryOutputStore
from tests.support.world.link import FakeLink
from tests.support.world.seeds import run
from tests.support.world.truth import Violation

from farhand_agent.core import frost, offsets, session, worker
from farhand_agent.core.frames import Freeze, Frozen
from farhand_agent.core.live import Live
from farhand_server.core import adoption, dispatch, fates, numbers, orders, sessions
from farhand_server.core.effects import Effect
from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.turns import Turns
from farhand_server.errors import OutcomeUnknown
from farhand_server.model.job import JobStatus
from farhand_server.model.runbook import RunbookType

#: Most are found in the first dozen; the last one shows how rare a coincidence may be.
SEEDS = 1_500

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A broken rule, and the invariants of which one must notice."""

    patch: Patch
    breaks: tuple[str, ...]


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


def stored_passes_for_durable(patch: pytest.MonkeyPatch) -> None:
    acknowledge = OutputDesk._acknowledge

    def hasty(desk: OutputDesk, spool: Any, stored: int, *, durable: int) -> None:
        acknowledge(desk, spool, stored, durable=stored)

    patch.setattr(OutputDesk, "_acknowledge", hasty)


def a_sync_does_not_wait_for_the_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryOutputStore, "sync", MemoryOutputStore.commit)


def attempts_that_died_run_again(patch: pytest.MonkeyPatch) -> None:
    def again(job: Any, ctx: Any, *, why: str, over: bool) -> list[Any]:
        return fates.never_ran(job, ctx, why=why)

    patch.setattr(fates, "unreported", again)


def any_journal_proves_absence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        adoption,
        "_missing",
        lambda job, ground, ctx: fates.never_ran(job, ctx, why=""),
    )


def a_reboot_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    hello = FakeLink._hello
    patch.setattr(FakeLink, "_hello", lambda *values: replace(hello(*values), boot_id=""))


def session_numbers_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(numbers, "admits", lambda worker, number: True)


def only_the_last_number_is_taken(patch: pytest.MonkeyPatch) -> None:
    """What a Hello got that was overtaken by a later one is forgotten."""
    patch.setattr(
        numbers,
        "admits",
        lambda worker, number: number in (worker.confirmed_number, worker.issued_number),
    )


def output_is_taken_from_anyone(patch: pytest.MonkeyPatch) -> None:
    mine = OutputDesk._mine

    def anyones(desk: OutputDesk, session: Any, spool: Any) -> Any:
        return desk._arrivals.get(spool) or mine(desk, session, spool)

    patch.setattr(OutputDesk, "_mine", anyones)


def anyone_may_say_not_started(patch: pytest.MonkeyPatch) -> None:
    def trusting(session: Any, frame: Any, ctx: Any) -> list[Effect]:
        job = ctx.tx.job(frame.job)
        if job is None or not job.status.is_granted:
            return []
        return fates.never_ran(job, ctx, why=frame.reason)

    patch.setattr(sessions, "_not_started", trusting)


def a_failed_commit_passes_for_done(patch: pytest.MonkeyPatch) -> None:
    transaction = MemoryStateStore.transaction

    @contextlib.contextmanager
    def hopeful(store: MemoryStateStore) -> Iterator[MemoryTx]:
        with contextlib.suppress(OutcomeUnknown), transaction(store) as tx:
            yield tx

    patch.setattr(MemoryStateStore, "transaction", hopeful)


def dead_offers_are_not_opened_again(patch: pytest.MonkeyPatch) -> None:
    def silent(session: Any, ctx: Any) -> list[Any]:
        ctx.live.drop(session)
        return []

    patch.setattr(dispatch, "drop", silent)


def one_job_holds_up_the_others(patch: pytest.MonkeyPatch) -> None:
    place = dispatch.place

    def strict(job: Any, ctx: Any) -> list[Any]:
        if any(
            known.id < job.id
            for known in ctx.tx.waiting(job.group, frozenset(RunbookType), limit=99)
        ):
            return []
        return place(job, ctx)

    patch.setattr(dispatch, "place", strict)


def the_agent_frees_what_is_stored(patch: pytest.MonkeyPatch) -> None:
    acknowledged = offsets.Flow.acknowledged

    def hasty(flow: offsets.Flow, *, stored: int, durable: int) -> int:
        return acknowledged(flow, stored=stored, durable=stored)

    patch.setattr(offsets.Flow, "acknowledged", hasty)


def the_agent_asks_no_runner_before_its_hello(patch: pytest.MonkeyPatch) -> None:
    hello = FakeLink._hello
    patch.setattr(session, "SURVEY_SECONDS", -1.0)
    patch.setattr(
        FakeLink, "_hello", lambda link, frame: hello(link, replace(frame, complete=True))
    )


def a_stop_is_not_repeated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(orders, "due", lambda job, session: [])


def the_late_truth_is_ignored(patch: pytest.MonkeyPatch) -> None:
    goes_on = adoption._goes_on

    def until_disconnected(job: Any, worker: Any, entry: Any) -> bool:
        return job.status is not JobStatus.DISCONNECTED and goes_on(job, worker, entry)

    patch.setattr(adoption, "_goes_on", until_disconnected)


def frozen_is_said_before_it_is_so(patch: pytest.MonkeyPatch) -> None:
    def hasty(frame: Freeze, live: Live, journal: Any, now: float) -> list[Any]:
        attempt = live.attempts.get(frame.id)
        passed_on = frost.freeze(frame, live, journal, now)
        if attempt is None or not attempt.runs:
            return passed_on
        return [*live.say(Frozen(id=frame.id)), *passed_on]

    patch.setitem(worker._FRAMES, Freeze, hasty)


MUTATIONS = [
    Mutation(patch=grants_write_no_row, breaks=("I1", "I2", "I4", "I16", "I17")),
    Mutation(patch=promises_leave_before_the_commit, breaks=("I1", "I2")),
    Mutation(patch=stored_passes_for_durable, breaks=("I7",)),
    Mutation(patch=a_sync_does_not_wait_for_the_disk, breaks=("I6", "I7")),
    Mutation(patch=attempts_that_died_run_again, breaks=("I1",)),
    Mutation(patch=any_journal_proves_absence, breaks=("I1",)),
    Mutation(patch=a_reboot_is_not_noticed, breaks=("I1",)),
    Mutation(patch=session_numbers_are_not_checked, breaks=("I10",)),
    Mutation(patch=only_the_last_number_is_taken, breaks=("I17", "I10", "I20")),
    Mutation(patch=output_is_taken_from_anyone, breaks=("I13", "I4", "nobody")),
    Mutation(patch=anyone_may_say_not_started, breaks=("I1",)),
    Mutation(patch=a_failed_commit_passes_for_done, breaks=("I1", "I2", "I16", "I17", "nobody")),
    Mutation(patch=dead_offers_are_not_opened_again, breaks=("I16", "I17")),
    Mutation(patch=one_job_holds_up_the_others, breaks=("I16", "I17")),
    Mutation(patch=the_agent_frees_what_is_stored, breaks=("I8",)),
    Mutation(patch=the_agent_asks_no_runner_before_its_hello, breaks=("I1", "I2")),
    Mutation(patch=a_stop_is_not_repeated, breaks=("I17",)),
    Mutation(patch=the_late_truth_is_ignored, breaks=("I1", "I16", "I17")),
    Mutation(patch=frozen_is_said_before_it_is_so, breaks=("I19",)),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.patch.__name__)
def test_a_broken_rule_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.patch(monkeypatch)
    found = ""
    for seed in range(SEEDS):
        try:
            run(seed, trouble=0.5)
        except Violation as violation:
            found = str(violation)
            break

    assert found.startswith(mutation.breaks), f"in {SEEDS} seeds: {found or 'nothing'}"
