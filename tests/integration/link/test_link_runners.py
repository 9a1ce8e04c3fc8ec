"""How the link finds runners, talks to them, and loses them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from tests.support.fake_runner import FakeRunner
from tests.support.worker_desk import ONE, SCRIPT, TWO, FakeJournal, grant

from farhand_agent.core import effects, events
from farhand_agent.core.frames import AttemptId, Exit, Phase
from farhand_agent.host import wire
from farhand_agent.host.sandbox import AttemptId as Folder
from farhand_agent.host.sandbox import Sandbox
from farhand_agent.link.runners import Runners
from farhand_wire import limits, spool

DEADLINE = 10.0
AnEvent = TypeVar("AnEvent")


class Rules:
    """Hears what runners say."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[events.RunnerEvent] = asyncio.Queue()

    def feed(self, event: events.RunnerEvent) -> None:
        self._heard.put_nowait(event)

    async def next(self, kind: Callable[..., AnEvent]) -> AnEvent:
        """The next event, which must be of this kind."""
        async with asyncio.timeout(DEADLINE):
            event: Any = await self._heard.get()
        assert type(event) is kind, event
        return event  # type: ignore[no-any-return]


class Bench:
    """A sandbox with runners in it, and the link's half of the talk."""

    def __init__(self, root: Path) -> None:
        self.sandbox = Sandbox(root=root, state=root)
        self.journal = FakeJournal()
        self.rules = Rules()
        self.runners = Runners(
            sandbox=self.sandbox, journal=self.journal, worker_name="app01", listener=self.rules
        )
        self._fakes: list[FakeRunner] = []

    async def spare(self, name: str = "a") -> FakeRunner:
        return await self._runner(self.sandbox.spares / name / "sock")

    async def attempt(self, id_: AttemptId) -> FakeRunner:
        self.journal.known.add(id_)
        return await self._runner(self.folder(id_) / "sock")

    def folder(self, id_: AttemptId) -> Path:
        return self.sandbox.attempt_path(Folder(job_id=id_.job_id, attempt=id_.attempt))

    async def known_spare(self, name: str = "a") -> FakeRunner:
        """A spare that has answered."""
        fake = await self.spare(name)
        self.runners.hinted()
        asked = await self.rules.next(events.RunnerAsked)
        await fake.told(wire.Kind.WHAT)
        fake.state(None)
        answer = await self.rules.next(events.RunnerState)
        assert answer == events.RunnerState(runner=asked.runner, id=None)
        return fake

    async def started(self, id_: AttemptId) -> FakeRunner:
        """A spare that was given an attempt."""
        fake = await self.known_spare()
        self.runners.start(effects.StartRunner(grant=grant(id_), script=SCRIPT))
        await fake.told(wire.Kind.START)
        self.journal.known.add(id_)
        return fake

    async def close(self) -> None:
        self.runners.hang_up()
        for fake in self._fakes:
            await fake.close()
        assert len(asyncio.all_tasks()) == 1, "a task was left"

    async def _runner(self, path: Path) -> FakeRunner:
        self._fakes.append(await FakeRunner(path).listen())
        return self._fakes[-1]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    # The name of a test makes a path that is too long for a socket's address.
    with TemporaryDirectory(prefix="farhand-") as folder:
        bench = Bench(Path(folder))
        yield bench
        await bench.close()


async def test_a_spare_is_told_what_to_run(bench: Bench) -> None:
    fake = await bench.known_spare()
    bench.runners.start(effects.StartRunner(grant=grant(ONE), script=SCRIPT))
    start = await fake.told(wire.Kind.START)

    assert start.data == SCRIPT
    assert start.fields == {
        "job_id": ONE.job_id,
        "attempt": 1,
        "runbook": "hello",
        "version": 1,
        "type": "bash",
        "parameters_json": "{}",
        "arguments": [],
        "group": "dc1",
        "worker": "app01",
        "stop_grace_ms": 30_000,
        "timeout_ms": 0,
        "secrets": [],
        "run_as": "",
    }


async def test_what_a_runner_says_becomes_events(bench: Bench) -> None:
    fake = await bench.started(ONE)
    entry = spool.pack(spool.Kind.OUTPUT, 0, b"hi\n")
    fake.say(wire.Kind.STARTED)
    fake.write(wire.pack_data(0, entry))
    fake.say(wire.Kind.EXITED, code=0, stopped=False, size=len(entry), crc=9)

    assert await bench.rules.next(events.RunnerStarted) == events.RunnerStarted(id=ONE)
    data = await bench.rules.next(events.RunnerData)
    assert data == events.RunnerData(id=ONE, offset=0, size=len(entry))
    assert bench.runners.take(ONE, len(entry)) == entry
    assert await bench.rules.next(events.RunnerExited) == events.RunnerExited(
        id=ONE, exit=Exit(code=0), size=len(entry), crc=9
    )


async def test_a_grant_waits_for_a_spare(bench: Bench) -> None:
    bench.runners.start(effects.StartRunner(grant=grant(ONE), script=SCRIPT))
    fake = await bench.known_spare()
    start = await fake.told(wire.Kind.START)

    assert start.fields["job_id"] == ONE.job_id


async def test_a_runner_says_that_its_job_stands_still_and_that_it_goes_on(bench: Bench) -> None:
    fake = await bench.started(ONE)
    bench.runners.say(ONE, wire.Kind.FREEZE)
    bench.runners.say(ONE, wire.Kind.THAW)
    await fake.told(wire.Kind.FREEZE)
    await fake.told(wire.Kind.THAW)
    fake.say(wire.Kind.FROZEN)
    fake.say(wire.Kind.THAWED)

    assert await bench.rules.next(events.RunnerFrozen) == events.RunnerFrozen(id=ONE)
    assert await bench.rules.next(events.RunnerThawed) == events.RunnerThawed(id=ONE)


async def test_the_rules_hear_when_a_script_that_was_left_alone_has_ended(bench: Bench) -> None:
    fake = await bench.started(ONE)
    fake.say(wire.Kind.STARTED)
    await bench.rules.next(events.RunnerStarted)
    bench.runners.say(ONE, wire.Kind.DONE)
    await fake.told(wire.Kind.DONE)
    fake.say(wire.Kind.IDLE)

    assert (await bench.rules.next(events.RunnerGone)).id == ONE
    assert (await bench.rules.next(events.RunnerState)).id is None
    bench.runners.start(effects.StartRunner(grant=grant(TWO), script=SCRIPT))
    assert (await fake.told(wire.Kind.START)).fields["job_id"] == TWO.job_id


async def test_an_attempt_that_nobody_wants_is_not_begun_when_a_spare_comes(bench: Bench) -> None:
    bench.runners.start(effects.StartRunner(grant=grant(ONE), script=SCRIPT))
    bench.runners.start(effects.StartRunner(grant=grant(TWO), script=SCRIPT))
    bench.runners.finish(ONE, 500)
    fake = await bench.known_spare()

    assert (await fake.told(wire.Kind.START)).fields["job_id"] == TWO.job_id


async def test_large_data_is_cut_between_entries(bench: Bench) -> None:
    fake = await bench.started(ONE)
    entry = spool.pack(spool.Kind.OUTPUT, 0, bytes(30_000))
    fake.write(wire.pack_data(0, entry * 5))
    pieces = [await bench.rules.next(events.RunnerData) for _ in range(3)]

    assert [piece.size for piece in pieces] == [2 * len(entry), 2 * len(entry), len(entry)]
    assert [piece.offset for piece in pieces] == [0, 2 * len(entry), 4 * len(entry)]
    assert all(piece.size <= limits.SPOOL_ENTRY_BYTES for piece in pieces)
    assert bench.runners.take(ONE, 5 * len(entry)) == entry * 5


async def test_a_runner_that_is_idle_again_takes_the_next_job_on_the_same_line(
    bench: Bench,
) -> None:
    fake = await bench.started(ONE)
    bench.runners.finish(ONE, None)
    await fake.told(wire.Kind.DONE)
    fake.say(wire.Kind.IDLE)
    await bench.rules.next(events.RunnerState)
    bench.runners.start(effects.StartRunner(grant=grant(TWO), script=SCRIPT))
    start = await fake.told(wire.Kind.START)

    assert start.fields["job_id"] == TWO.job_id


async def test_a_renamed_spare_is_not_dialled_twice(bench: Bench) -> None:
    fake = await bench.known_spare("a")
    (bench.sandbox.spares / "a").rename(bench.sandbox.spares / "b")
    fake.path = bench.sandbox.spares / "b" / "sock"
    other = await bench.spare("c")
    bench.runners.hinted()
    await bench.rules.next(events.RunnerAsked)
    await other.told(wire.Kind.WHAT)
    other.state(None)
    await bench.rules.next(events.RunnerState)
    bench.runners.start(effects.StartRunner(grant=grant(ONE), script=SCRIPT))

    await fake.told(wire.Kind.START)


async def test_a_survey_asks_everybody(bench: Bench) -> None:
    spare, running = await bench.spare(), await bench.attempt(ONE)
    bench.runners.survey()
    asked = {(await bench.rules.next(events.RunnerAsked)).id for _ in range(2)}
    await spare.told(wire.Kind.WHAT)
    await running.told(wire.Kind.WHAT)
    running.state(ONE, "exited", 77)
    state = await bench.rules.next(events.RunnerState)

    assert asked == {None, ONE}
    assert (state.id, state.phase, state.size) == (ONE, Phase.EXITED, 77)


async def test_a_spare_that_had_taken_an_attempt_says_so(bench: Bench) -> None:
    fake = await bench.spare()
    bench.runners.survey()
    asked = await bench.rules.next(events.RunnerAsked)
    await fake.told(wire.Kind.WHAT)
    fake.state(ONE, "running", 5)

    assert await bench.rules.next(events.RunnerState) == events.RunnerState(
        runner=asked.runner, id=ONE, phase=Phase.RUNNING, size=5
    )
    bench.runners.say(ONE, wire.Kind.READ, offset=0, credit=9)
    await fake.told(wire.Kind.READ)


async def test_a_runner_that_does_not_listen_yet_is_dialled_until_it_does(bench: Bench) -> None:
    bench.journal.known.add(ONE)
    bench.runners.dial(ONE)
    await bench.rules.next(events.RunnerAsked)
    fake = await bench.attempt(ONE)

    await fake.told(wire.Kind.WHAT)


async def test_a_sandbox_that_is_gone_is_not_dialled_for_ever(bench: Bench) -> None:
    bench.runners.dial(ONE)
    asked = await bench.rules.next(events.RunnerAsked)

    gone = await bench.rules.next(events.RunnerGone)
    assert gone == events.RunnerGone(runner=asked.runner, id=ONE)


async def test_a_lost_conversation_is_reported(bench: Bench) -> None:
    fake = await bench.started(ONE)
    fake.hang_up()

    assert (await bench.rules.next(events.RunnerGone)).id == ONE
    bench.runners.say(ONE, wire.Kind.READ, offset=0, credit=9)


async def test_a_spare_that_is_lost_is_given_nothing(bench: Bench) -> None:
    fake = await bench.known_spare("a")
    fake.hang_up()
    await bench.rules.next(events.RunnerGone)
    await fake.close()
    (bench.sandbox.spares / "a").rmdir()
    bench.runners.start(effects.StartRunner(grant=grant(ONE), script=SCRIPT))
    other = await bench.known_spare("b")

    await other.told(wire.Kind.START)


async def test_nothing_that_was_read_before_a_new_conversation_is_sent(bench: Bench) -> None:
    fake = await bench.started(ONE)
    fake.write(wire.pack_data(0, spool.pack(spool.Kind.OUTPUT, 0, b"old")))
    await bench.rules.next(events.RunnerData)
    again = await bench.attempt(ONE)
    bench.runners.dial(ONE)
    await bench.rules.next(events.RunnerAsked)
    await again.told(wire.Kind.WHAT)
    fresh = spool.pack(spool.Kind.OUTPUT, 0, b"new")
    again.write(wire.pack_data(0, fresh))
    await bench.rules.next(events.RunnerData)

    assert bench.runners.take(ONE, len(fresh)) == fresh


async def test_only_the_newest_of_two_conversations_lives(bench: Bench) -> None:
    fake = await bench.attempt(ONE)
    bench.runners.dial(ONE)
    bench.runners.dial(ONE)
    for _ in range(2):
        await bench.rules.next(events.RunnerAsked)
    await fake.told(wire.Kind.WHAT)
    fake.state(ONE)

    assert (await bench.rules.next(events.RunnerState)).id == ONE


async def test_an_attempt_that_nobody_wants_is_ended_wherever_it_is_found(bench: Bench) -> None:
    fake = await bench.attempt(ONE)
    bench.runners.finish(ONE, 500)
    await fake.told(wire.Kind.WHAT)
    fake.state(ONE)

    assert (await fake.told(wire.Kind.STOP)).fields == {"grace_ms": 500}
    await fake.told(wire.Kind.DONE)


async def test_a_sandbox_that_was_not_cleared_is_cleared_by_the_next_runner(bench: Bench) -> None:
    fake = await bench.started(ONE)
    bench.runners.finish(ONE, None)
    await fake.told(wire.Kind.DONE)
    heir = await bench.attempt(ONE)
    fake.hang_up()
    await heir.told(wire.Kind.WHAT)
    heir.state(ONE, "exited", 5)

    await heir.told(wire.Kind.DONE)


NONSENSE = {
    "an unknown kind": b"\xff\x00\x00\x00\x00",
    "a message too long": b"\x41\xff\xff\xff\xff",
    "no JSON": wire.HEADER.pack(wire.Kind.STATE, 1) + b"{",
    "a field that is missing": wire.pack(wire.Kind.EXITED, code=0),
    "what only a link says": wire.pack(wire.Kind.CREDIT, credit=1),
    "entries that are cut": wire.pack_data(0, b"\x01\x00\xff\xff" + bytes(70_000)),
    "another attempt": wire.pack(
        wire.Kind.STATE, job_id=TWO.job_id, attempt=1, phase="running", size=0
    ),
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE.keys())
async def test_a_runner_that_talks_nonsense_is_hung_up_on(bench: Bench, said: bytes) -> None:
    fake = await bench.started(ONE)
    fake.write(said)

    assert (await bench.rules.next(events.RunnerGone)).id == ONE
