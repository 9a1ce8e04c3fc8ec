"""Keys and registration tokens of an account."""

from farhand_server.model.account import KeySlot, RegistrationToken
from farhand_server.rpc.convert.moments import timestamp
from farhand_wire.v1 import account_pb2

_SLOTS: dict[account_pb2.AccountKeySlot, KeySlot] = {
    account_pb2.ACCOUNT_KEY_SLOT_PRIMARY: KeySlot.PRIMARY,
    account_pb2.ACCOUNT_KEY_SLOT_SECONDARY: KeySlot.SECONDARY,
}


def slot(wire: account_pb2.AccountKeySlot) -> KeySlot:
    return _SLOTS[wire]


def token(row: RegistrationToken) -> account_pb2.RegistrationToken:
    """Without its secret, which nobody has any more."""
    return account_pb2.RegistrationToken(
        token_id=row.id,
        group=row.group_name,
        create_time=timestamp(row.created),
        expire_time=timestamp(row.expires),
        uses_left=row.uses_left,
        uses=row.uses,
        cidrs=row.cidrs,
        revoked=row.revoked,
    )
