"""A rule that fails is a bug; the worker whose words it failed at is held back the second time."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.engine_bench import Bug, BuggyCore
from tests.support.glass_vault import GlassVault
from tests.support.memory import Failure, MemoryStateStore
from tests.support.world.clock import WorldClock
from tests.support.world.rows import GROUP, KEY, OPERATOR, first_rows

from farhand_server.core import Patience
from farhand_server.core import events as on
from farhand_server.core.effects import Answer, Effect, EndSession, Send
from farhand_server.core.events import CallId
from farhand_server.core.explain import Explanation
from farhand_server.core.overview import Overview
from farhand_server.engine.turns import Turns
from farhand_server.errors import ConstraintBroken, OutcomeUnknown, Refusal, WorkerRefused
from farhand_server.model import frames
from farhand_server.model.clock import Instant
from farhand_server.model.identifiers import JobId, SessionId, WorkerId
from farhand_server.model.worker import Facts

HEARTBEAT = frames.Heartbeat(sequence=1)


class Bench:
    """Real turns over real rules, one batch at a time; `left` is what the last one led to."""

    def __init__(self) -> None:
        self.clock = WorldClock()
        self.store = MemoryStateStore(first_rows())
        self.core = BuggyCore(
            chance=random.Random(0).randbytes, patience=Patience(), vault=GlassVault()
        )
        self.left: list[Effect] = []
        #: How often everything was forgotten.
        self.starts = 0
        self._turns = Turns(
            core=self.core, clock=self.clock, release=self._release, start_over=self._start_over
        )
        self._sessions = 0
        self.take()

    def take(self, *events: on.Event) -> list[Effect]:
        """One batch."""
        self.left = []
        self._turns.take(self.store, events)
        return self.left

    def ask(self, kind: type[on.Call], **fields: Any) -> Any:
        self.take(kind(call=CallId(1), by=OPERATOR, **fields))  # type: ignore[arg-type]
        return next(effect.value for effect in self.left if isinstance(effect, Answer))

    def join(self, name: str) -> WorkerId:
        register = frames.Register(
            token_hash=KEY.hash,
            group=GROUP.name,
            worker_name=name,
            public_key=name.encode(),
            facts=Facts(host_name=name),
        )
        self.take(on.Joined(session=self._session(), register=register, address="192.0.2.7"))
        return next(w.id for w in self.store.tables.workers.values() if w.name == name)

    def hello(self, worker: WorkerId) -> on.Greeted:
        hello = frames.Hello(
            worker=worker,
            session_number=self.store.tables.workers[worker].issued_number,
            boot_id="boot",
            journal_id="journal",
            instance="one",
            facts=Facts(),
            slots=2,
        )
        return on.Greeted(
            session=self._session(),
            hello=hello,
            address="192.0.2.7",
            challenged=Instant(self.clock.monotonic() + 1e-6),
        )

    def greet(self, worker: WorkerId) -> SessionId:
        event = self.hello(worker)
        self.take(event)
        return event.session

    def fail_at(self, session: SessionId) -> None:
        """The rule for the next frame of this session fails."""
        self.core.fail_next.append(
            Bug(at=lambda event: isinstance(event, on.Said) and event.session == session)
        )

    def stumble(self, worker: WorkerId) -> None:
        """It comes back, and its first heartbeat makes a rule fail."""
        session = self.greet(worker)
        self.fail_at(session)
        self.take(on.Said(session=session, frame=HEARTBEAT))

    def refusal(self) -> Refusal | None:
        ended = [e.refusal for e in self.left if isinstance(e, EndSession)]
        return ended[0] if ended else None

    def welcomed(self) -> bool:
        return any(isinstance(e, Send) and isinstance(e.frame, frames.Welcome) for e in self.left)

    def overview(self) -> Overview:
        answer = self.ask(on.Overview)
        assert isinstance(answer, Overview)
        return answer

    def _session(self) -> SessionId:
        self._sessions += 1
        return SessionId(f"{self._sessions:032x}")

    def _release(self, effects: Sequence[Effect]) -> None:
        self.left += effects

    def _start_over(self) -> None:
        self.starts += 1


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- who is held back -----------------------------------------------------------------------


def test_the_first_failure_is_forgiven(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.stumble(worker)
    assert bench.starts == 1

    bench.greet(worker)
    assert bench.welcomed()
    assert bench.overview().failures == {worker: 1}


def test_after_the_second_one_an_operator_must_look(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.stumble(worker)
    bench.stumble(worker)
    bench.greet(worker)

    refusal = bench.refusal()
    assert isinstance(refusal, WorkerRefused)
    assert refusal.message == "worker web01 is held back after 2 failures"
    assert refusal.do == "an operator must look: farhand worker resume web01"
    assert bench.overview().held_back == {worker}
    assert bench.starts == 2


def test_a_hello_that_fails_is_held_back_before_it_fails_again(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.core.fail_next.extend([Bug(at=lambda event: isinstance(event, on.Greeted))] * 2)
    for _ in range(3):
        bench.greet(worker)

    assert isinstance(bench.refusal(), WorkerRefused)
    assert bench.starts == 2


def test_its_key_does_not_let_it_in_by_another_door(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.stumble(worker)
    bench.stumble(worker)
    bench.join("web01")

    assert isinstance(bench.refusal(), WorkerRefused)


def test_other_workers_go_on(bench: Bench) -> None:
    guilty, other = bench.join("web01"), bench.join("web02")
    for _ in range(2):
        session = bench.greet(guilty)
        witness = bench.greet(other)
        bench.fail_at(session)
        bench.take(
            on.Said(session=witness, frame=HEARTBEAT),
            on.Said(session=session, frame=HEARTBEAT),
            on.Said(session=witness, frame=HEARTBEAT),
        )

    assert bench.overview().failures == {guilty: 2}
    session = bench.greet(other)
    assert bench.welcomed()
    bench.take(on.Said(session=session, frame=HEARTBEAT))
    assert bench.starts == 2


def test_an_operator_lets_it_in_again_and_it_is_counted_anew(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.stumble(worker)
    bench.stumble(worker)
    bench.ask(on.ResumeWorker, name="web01")
    assert bench.overview().failures == {}

    bench.stumble(worker)
    bench.greet(worker)
    assert bench.welcomed()


def test_a_new_registration_is_a_new_worker(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.stumble(worker)
    bench.stumble(worker)
    bench.ask(on.DeleteWorker, name="web01")
    bench.greet(bench.join("web01"))

    assert bench.welcomed()


def test_a_job_that_waits_for_it_says_so(bench: Bench) -> None:
    worker = bench.join("web01")
    bench.stumble(worker)
    bench.stumble(worker)
    job = JobId("00000001-0000-7000-8000-000000000000")
    bench.ask(
        on.StartJob, job=job, runbook="bash", run_on=GROUP.name, parameters="{}", arguments=()
    )
    why = bench.ask(on.Explain, job=job)

    assert isinstance(why, Explanation)
    assert why.workers == (
        ("web01", "held back", "after failures; look, then: farhand worker resume web01"),
    )


# --- what is nobody's fault -----------------------------------------------------------------


@pytest.mark.parametrize("failure", list(Failure)[:2])
def test_a_commit_that_fails_is_no_workers_fault(bench: Bench, failure: Failure) -> None:
    worker = bench.join("web01")
    bench.store.fail_next.append(failure)
    bench.greet(worker)

    assert bench.starts == 1
    assert bench.overview().failures == {}


def test_an_operators_call_is_no_workers_fault(bench: Bench) -> None:
    worker = bench.join("web01")
    session = bench.greet(worker)
    bench.core.fail_next.append(Bug(at=lambda event: isinstance(event, on.CreateGroup)))
    bench.take(
        on.Said(session=session, frame=HEARTBEAT),
        on.CreateGroup(call=CallId(1), by=OPERATOR, name="dc2"),
    )

    assert bench.starts == 1
    assert bench.overview().failures == {}


def test_a_broken_constraint_is_a_bug_of_the_rule(bench: Bench) -> None:
    worker = bench.join("web01")
    error = ConstraintBroken("UNIQUE constraint failed: attempts")
    bench.core.fail_next.append(Bug(at=lambda event: isinstance(event, on.Greeted), error=error))
    bench.greet(worker)

    assert bench.overview().failures == {worker: 1}


def test_a_database_that_fails_within_a_rule_is_no_workers_fault(bench: Bench) -> None:
    worker = bench.join("web01")
    error = OutcomeUnknown("disk I/O error")
    bench.core.fail_next.append(Bug(at=lambda event: isinstance(event, on.Greeted), error=error))
    bench.greet(worker)

    assert bench.starts == 1
    assert bench.overview().failures == {}


def test_nothing_of_the_batch_was_written(bench: Bench) -> None:
    worker = bench.join("web01")
    session = bench.greet(worker)
    before = bench.store.tables
    bench.fail_at(session)
    bench.take(
        on.CreateGroup(call=CallId(1), by=OPERATOR, name="dc2"),
        on.Said(session=session, frame=HEARTBEAT),
    )

    assert bench.store.tables == before
