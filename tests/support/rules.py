"""The server's rules over rows in memory, one event at a time; a refusal must change nothing."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from tests.support.glass_vault import GlassVault
from tests.support.memory import MemoryStateStore, Tables
from tests.support.samples import job_id
from tests.support.world.clock import MomentMs, WorldClock
from tests.support.world.rows import GROUP, KEY, OPERATOR, first_rows

from farhand_server.core import Core, Patience
from farhand_server.core import events as on
from farhand_server.core.effects import Answer, Effect, EndSession, Send
from farhand_server.core.events import CallId, Event
from farhand_server.core.explain import Explanation
from farhand_server.errors import Refusal
from farhand_server.model import frames
from farhand_server.model.clock import Instant, Now
from farhand_server.model.identifiers import JobId, SessionId
from farhand_server.model.job import End, Job
from farhand_server.model.output import Extent, SpoolId
from farhand_server.model.runbook import RunbookType
from farhand_server.model.worker import Facts, Worker

Frame = TypeVar("Frame")
BASH = (RunbookType.BASH,)


class Rules:
    """One server's rules; `effects` holds what the last event led to."""

    def __init__(
        self, *, tables: Tables | None = None, seed: int = 0, warm: float = 0.0, **patience: float
    ) -> None:
        self.clock = WorldClock()
        self.store = MemoryStateStore(tables or first_rows())
        self.effects: list[Effect] = []
        #: Alarms that rang.
        self.ticks = 0
        self._core = Core(
            chance=random.Random(seed).randbytes,
            patience=Patience(warm=warm, **patience),
            vault=GlassVault(),
        )
        self._numbers = itertools.count(1)
        self.begin()

    @property
    def tables(self) -> Tables:
        return self.store.tables

    def begin(self) -> list[Effect]:
        """As at a start: what was volatile is gone."""
        self._core.forget()
        with self.store.transaction() as tx:
            return self._core.begin(tx, self._now())

    def handle(self, event: Event) -> list[Effect]:
        """One event, one transaction."""
        before = self.tables
        with self.store.transaction() as tx:
            self.effects = self._core.handle(event, tx, self._now())
        if any(_is_refusal(effect) for effect in self.effects):
            assert _apart_from_parties(self.tables) == _apart_from_parties(before)
            assert all(_is_harmless(effect) for effect in self.effects), self.effects
        return self.effects

    def wait(self, seconds: float) -> list[Effect]:
        """Time passes; every alarm rings when it is due. All that followed."""
        until = self.clock.ms + round(seconds * 1000)
        effects: list[Effect] = []
        while (due := self._due_ms()) <= until:
            self.clock.ms = max(self.clock.ms, MomentMs(due))
            effects += self.handle(on.Tick())
            self.ticks += 1
        self.clock.ms = until
        self.effects = effects
        return effects

    # --- operators --------------------------------------------------------------------------

    def ask(self, kind: Callable[..., Event], /, **fields: Any) -> Any:
        """The answer to an operator's call: a value, or a refusal."""
        call = CallId(next(self._numbers))
        self.handle(kind(call=call, **{"by": OPERATOR, **fields}))
        answers = [e.value for e in self.effects if isinstance(e, Answer) and e.call == call]
        assert len(answers) == 1
        return answers[0]

    def start(self, number: int = 1, type_: RunbookType = RunbookType.BASH, **fields: Any) -> Any:
        """Starts the runbook of this type on the group."""
        values: dict[str, Any] = {
            "job": job_id(number),
            "runbook": type_.value,
            "run_on": GROUP.name,
            "parameters": "{}",
            "arguments": (),
        }
        return self.ask(on.StartJob, **{**values, **fields})

    def stop(self, number: int = 1) -> Any:
        return self.ask(on.StopJob, job=job_id(number))

    def why(self, number: int = 1) -> Explanation:
        answer = self.ask(on.Explain, job=job_id(number))
        assert isinstance(answer, Explanation)
        return answer

    def job(self, number: int = 1) -> Job:
        return self.tables.jobs[job_id(number)]

    # --- workers ----------------------------------------------------------------------------

    def register(self, name: str = "web01", **fields: Any) -> SessionId:
        """A proven Register; the session it would open."""
        session = self.session()
        values: dict[str, Any] = {
            "token_hash": KEY.hash,
            "group": GROUP.name,
            "worker_name": name,
            "public_key": name.encode(),
            "facts": Facts(
                host_name=name,
                machine_id=f"machine of {name}",
                runbook_types=tuple(RunbookType),
            ),
        }
        address = fields.pop("address", "192.0.2.7")
        register = frames.Register(**{**values, **fields})
        self.handle(on.Joined(session=session, register=register, address=address))
        return session

    def hello(
        self,
        name: str = "web01",
        *journal: frames.JournalEntry,
        extents: dict[SpoolId, Extent] | None = None,
        address: str = "192.0.2.7",
        **fields: Any,
    ) -> SessionId:
        """A proven Hello; the session it would open."""
        session = self.session()
        worker = self.worker(name)
        values: dict[str, Any] = {
            "worker": worker.id,
            "session_number": worker.issued_number,
            "boot_id": "boot",
            "journal_id": "journal",
            "instance": "one",
            "facts": Facts(
                host_name=name,
                machine_id=f"machine of {name}",
                runbook_types=tuple(RunbookType),
            ),
            "slots": 2,
            "journal": journal,
        }
        hello = frames.Hello(**{**values, **fields})
        event = on.Greeted(
            session=session,
            hello=hello,
            address=address,
            # A moment after whatever happened so far.
            challenged=Instant(self.clock.monotonic() + 1e-6),
            extents=extents or {},
        )
        self.handle(event)
        return session

    def connect(self, name: str = "web01", **fields: Any) -> SessionId:
        """A member that may be offered jobs; it joins first if it is new."""
        if all(worker.name != name for worker in self.tables.workers.values()):
            self.register(name)
        session = self.hello(name, **fields)
        self.say(session, frames.Heartbeat(sequence=1))
        return session

    def say(self, session: SessionId, frame: frames.AgentFrame) -> list[Effect]:
        return self.handle(on.Said(session=session, frame=frame))

    def lose(self, session: SessionId) -> list[Effect]:
        return self.handle(on.Lost(session=session))

    def accept(
        self, session: SessionId, offer: frames.Offer, *, cached: bool = False
    ) -> list[Effect]:
        return self.say(session, frames.Accept(offer=offer.offer, cached=cached))

    def end(
        self, session: SessionId, number: int = 1, *, attempt: int = 1, **end: Any
    ) -> list[Effect]:
        """A Result whose spool is durable."""
        result = frames.Result(job=job_id(number), attempt=attempt, end=End(**end), size=40, crc=7)
        extent = Extent(stored=40, durable=40, crc=7, lines=1, payload=3)
        return self.handle(on.Ended(session=session, result=result, extent=extent))

    def running(self, name: str = "web01", number: int = 1) -> SessionId:
        """A member, and a job that it was granted and has started."""
        session = self.connect(name)
        self.start(number)
        self.accept(session, self.only(frames.Offer, session))
        self.say(session, frames.Started(job=job_id(number), attempt=1))
        self.wait(1)
        return session

    def worker(self, name: str = "web01") -> Worker:
        return next(w for w in self.tables.workers.values() if w.name == name)

    def session(self) -> SessionId:
        return SessionId(f"{next(self._numbers):032x}")

    # --- what followed ----------------------------------------------------------------------

    def sent(self, kind: type[Frame], to: SessionId | None = None) -> list[Frame]:
        """Frames of this kind that the last event sent (to this session)."""
        return [
            effect.frame
            for effect in self.effects
            if isinstance(effect, Send)
            and isinstance(effect.frame, kind)
            and to in (None, effect.session)
        ]

    def only(self, kind: type[Frame], to: SessionId | None = None) -> Frame:
        found = self.sent(kind, to)
        assert len(found) == 1, f"{len(found)} {kind.__name__} among {self.effects}"
        return found[0]

    def followed(self, kind: type[Frame]) -> list[Frame]:
        """Effects of this kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def refusal(self) -> Refusal:
        """Why the last event was refused."""
        return next(_refusals(self.effects))

    def _now(self) -> Now:
        return Now(instant=Instant(self.clock.monotonic()), unix_ms=self.clock.unix_ms())

    def _due_ms(self) -> float:
        due = self._core.next_due()
        return float("inf") if due is None else int(-(-due * 1000 // 1))


def entry(number: int = 1, *, attempt: int = 1, phase: str = "running") -> frames.JournalEntry:
    return frames.JournalEntry(job=job_id(number), attempt=attempt, phase=phase, size=0)


def spool(number: int = 1, attempt: int = 1) -> SpoolId:
    return SpoolId(job=JobId(job_id(number)), attempt=attempt)


def _apart_from_parties(tables: Tables) -> Tables:
    """A refusal changes nothing, but that it is remembered who was refused."""
    return replace(
        tables, workers={id_: replace(w, parties=()) for id_, w in tables.workers.items()}
    )


def _refusals(effects: list[Effect]) -> Iterator[Refusal]:
    for effect in effects:
        if isinstance(effect, Answer) and isinstance(effect.value, Refusal):
            yield effect.value
        if isinstance(effect, EndSession) and effect.refusal is not None:
            yield effect.refusal


def _is_refusal(effect: Effect) -> bool:
    return any(_refusals([effect]))


def _is_harmless(effect: Effect) -> bool:
    return not isinstance(effect, Send) and type(effect).__name__ in (
        "Answer",
        "EndSession",
        "Count",
        "Notice",
    )
