"""Who is online, and how busy: the part of the truth that is not in rows."""

from dataclasses import dataclass

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
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
    """Workers of the caller's account that have a session."""

    workers: dict[WorkerId, Presence]


def overview(event: on.Overview, ctx: Context) -> list[Effect]:
    present = {
        session.worker: Presence(
            online=True,
            draining=session.draining,
            slots=session.slots,
            used=len(session.serving),
            last_heard_ms=int((ctx.now.instant - session.heard) * 1000),
        )
        for session in ctx.live.sessions.values()
        if session.account == event.by.account
    }
    return [Answer(call=event.call, value=Overview(workers=present))]
