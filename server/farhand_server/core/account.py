"""What an automation account decides for everything in it."""

from dataclasses import replace

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect


def update(event: on.UpdateAccount, ctx: Context) -> list[Effect]:
    """Jobs that were started before keep what they were started with."""
    account = ctx.tx.account(event.by.account)
    if event.delivery is not None:
        account = replace(account, delivery=event.delivery)
    if event.grants_listed_only is not None:
        account = replace(account, grants_listed_only=event.grants_listed_only)
    ctx.tx.save_account(account)
    return [Answer(call=event.call, value=account)]
