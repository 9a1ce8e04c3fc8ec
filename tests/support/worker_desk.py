"""The rules of a worker on a desk: a clock to turn, a journal to write in, effects to read."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from farhand_agent.core import events, frames
from farhand_agent.core.effects import Effect, SendFrame
from farhand_agent.core.frames import AgentFrame, AttemptId, RunbookType, Welcome
from farhand_agent.core.worker import Worker

SCRIPT = b"echo hi\n"
DIGEST = hashlib.sha256(SCRIPT).hexdigest()
READ_AHEAD = 256 * 1024
ONE = AttemptId("00000000-0000-4000-8000-000000000001", 1)
TWO = AttemptId("00000000-0000-4000-8000-000000000002", 1)


@dataclass(slots=True)
class FakeJournal:
    """What the host remembers."""

    session_number: int = 7
    known: set[AttemptId] = field(default_factory=set)

    def knows(self, id_: AttemptId) -> bool:
        return id_ in self.known


class Desk:
    """A worker whose every effect is kept."""

    def __init__(self, *, slots: int = 2, becomes_users: bool = False) -> None:
        self.journal = FakeJournal()
        self.now = 100.0
        self.worker = Worker(
            slots=slots,
            types=frozenset({RunbookType.BASH, RunbookType.PYTHON}),
            read_ahead=READ_AHEAD,
            becomes_users=becomes_users,
        )

    def hear(self, event: events.Event) -> list[Effect]:
        return self.worker.handle(event, self.journal, self.now)

    def later(self, seconds: float) -> list[Effect]:
        self.now += seconds
        return self.hear(events.Tick())

    def write(self) -> list[AgentFrame]:
        """The frames of the next message."""
        return sent(self.hear(events.Writable()))

    def connect(self, **changes: object) -> list[Effect]:
        """Brings a session to life; the effects of its Welcome."""
        self.hear(events.ConnectDue())
        self.hear(events.Connected())
        return self.hear(welcome(**changes))

    def run(self, id_: AttemptId = ONE) -> None:
        """Grants an attempt that starts at once."""
        self.hear(grant(id_))
        self.journal.known.add(id_)
        self.hear(events.RunnerStarted(id=id_))

    def output(self, size: int, id_: AttemptId = ONE, *, offset: int = 0) -> list[Effect]:
        return self.hear(events.RunnerData(id=id_, offset=offset, size=size))

    def exit(self, size: int, id_: AttemptId = ONE) -> list[Effect]:
        return self.hear(events.RunnerExited(id=id_, exit=frames.Exit(code=0), size=size, crc=1))


def sent(effects: Iterable[Effect]) -> list[AgentFrame]:
    return [effect.frame for effect in effects if isinstance(effect, SendFrame)]


def welcome(**changes: object) -> Welcome:
    fields: dict[str, object] = {
        "session_number": 8,
        "heartbeat_ms": 10_000,
        "lease_ms": 45_000,
        "window_bytes": 1024 * 1024,
        "output_frame_bytes": 256 * 1024,
    }
    return Welcome(**(fields | changes))  # type: ignore[arg-type]


def offer(
    offer_id: str = "o1", *, type_: RunbookType | None = RunbookType.BASH, run_as: str = ""
) -> frames.Offer:
    return frames.Offer(offer_id=offer_id, runbook_type=type_, digest=DIGEST, run_as=run_as)


def grant(
    id_: AttemptId = ONE, *, offer_id: str = "", script: bytes | None = SCRIPT, digest: str = DIGEST
) -> frames.Grant:
    return frames.Grant(
        offer_id=offer_id,
        id=id_,
        runbook="hello",
        runbook_version=1,
        runbook_type=RunbookType.BASH,
        digest=digest,
        script=script,
        parameters_json="{}",
        arguments=(),
        group="dc1",
        stop_grace_ms=30_000,
    )
