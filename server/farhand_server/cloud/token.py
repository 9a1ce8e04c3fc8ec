"""The token with which the control plane's own worker joins: made when it is wanted, good once."""

from farhand_server.cloud.worker import TOKEN_SECONDS
from farhand_server.core.events import CreateRegistrationToken
from farhand_server.core.ports import Chance
from farhand_server.engine import Engine
from farhand_server.engine.ports import Clock
from farhand_server.model.account import Principal, RegistrationToken
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId
from farhand_server.model.worker import CLOUD
from farhand_server.secrets import registration_token

#: The account whose jobs it runs: the first.
ACCOUNT = AccountId(1)


async def joining_token(engine: Engine, *, clock: Clock, chance: Chance) -> str:
    """Raises Refusal."""
    secret = registration_token(chance)
    now = clock.unix_ms()
    token = RegistrationToken(
        id=secret.id,
        account=ACCOUNT,
        group_name=CLOUD,
        hash=secret.hash,
        created=now,
        expires=UnixMs(now + TOKEN_SECONDS * 1000),
        uses=1,
        uses_left=1,
    )
    by = Principal(account=ACCOUNT, account_name="", name="the control plane")
    await engine.ask(lambda call: CreateRegistrationToken(call=call, by=by, token=token))
    return secret.text
