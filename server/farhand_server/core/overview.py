"""Who is online, and how busy: the part of the truth that is not in rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.model.account import Generation
from farhand_server.model.identifiers import WorkerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """One worker with a live session."""

    online: bool
    draining: bool
    slots: int
    used: int
    #: Milliseconds since it was heard.
    last_heard_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Workers of the caller's account that have a session, and what holds others back."""

    workers: dict[WorkerId, Presence]
    #: Events of each worker at which a rule failed.
    failures: Mapping[WorkerId, int] = field(default_factory=dict)
    held_back: frozenset[WorkerId] = frozenset()
    generation: Generation = field(default_factory=Generation)
    #: Jobs wait for reports of workers since a restore.
    is_paused: bool = False


def overview(event: on.Overview, ctx: Context) -> list[Effect]:
    present = {
        session.worker: Presence(
            online=True,
            draining=session.draining,
            slots=session.slots,
            used=session.used,
            last_heard_ms=int((ctx.now.instant - session.heard) * 1000),
        )
        for session in ctx.live.sessions.values()
        if session.account == event.by.account
    }
    faults = ctx.faults
    value = Overview(
        workers=present,
        failures=dict(faults.counts),
        held_back=frozenset(worker for worker in faults.counts if faults.holds_back(worker)),
        generation=ctx.live.generation,
        is_paused=event.by.account in ctx.live.unreported,
    )
    return [Answer(call=event.call, value=value)]
