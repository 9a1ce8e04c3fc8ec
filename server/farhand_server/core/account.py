"""What an automation account decides for everything in it."""

from dataclasses import replace

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect


def update(event: on.UpdateAccount, ctx: Context) -> list[Effect]:
    """Jobs that were started before keep what they were started with."""
    account = replace(ctx.tx.account(event.by.account), delivery=event.delivery)
    ctx.tx.save_account(account)
    return [Answer(call=event.call, value=account)]
