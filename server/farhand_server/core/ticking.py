"""Everything whose time has come."""

from farhand_server.core import dispatch, leases, sessions
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect
from farhand_server.core.events import Tick


def ticked(event: Tick, ctx: Context) -> list[Effect]:
    """Leases, absences, unanswered offers, refusals that are over, starts not written down."""
    ctx.live.ring(ctx.now.instant)
    return [
        *leases.expire(ctx),
        *sessions.note_started(ctx),
        *dispatch.hedge(ctx),
        *dispatch.forgive(ctx),
    ]
