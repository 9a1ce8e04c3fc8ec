"""The control plane's own worker, as jobs that wait for it speak of it."""

from farhand_server.core.context import Context
from farhand_server.core.effects import Effect
from farhand_server.core.events import CloudAway


def away(event: CloudAway, ctx: Context) -> list[Effect]:
    """Its group has no worker but those that somebody joined to it."""
    ctx.live.cloud_away = event.why
    return []
