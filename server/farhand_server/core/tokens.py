"""The secrets that let machines join; made at the edge, kept here as hashes."""

from dataclasses import replace

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.errors import RegistrationTokenNotFound


def create(event: on.CreateRegistrationToken, ctx: Context) -> list[Effect]:
    ctx.tx.save_registration_token(event.token)
    return [Answer(call=event.call, value=event.token)]


def revoke(event: on.RevokeRegistrationToken, ctx: Context) -> list[Effect]:
    """Nobody joins with it any more; machines that did stay."""
    token = ctx.tx.registration_token(event.token)
    if token is None or token.account != event.by.account:
        raise RegistrationTokenNotFound(
            f"no registration token {event.token}", do="see: farhand token list"
        )
    ctx.tx.save_registration_token(replace(token, revoked=True))
    return [Answer(call=event.call, value=None)]


def replace_key(event: on.ReplaceAccountKey, ctx: Context) -> list[Effect]:
    ctx.tx.save_account_key(event.key)
    return [Answer(call=event.call, value=event.key)]
