"""Nothing is given away while the control plane could not keep what comes of it."""

from farhand_server.core import dispatch
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect
from farhand_server.core.events import DiskLow

DISK_LOW = "the control plane's disk is almost full"


def disk_low(event: DiskLow, ctx: Context) -> list[Effect]:
    """Jobs wait, new ones too; those that run go on and may end."""
    ctx.live.paused_because = DISK_LOW if event.low else ""
    return [] if event.low else dispatch.dispatch_all(ctx)
