"""What requests about assets may hold: their part of the table."""

from collections.abc import Iterator

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from farhand_server.declared.values import as_text
from farhand_server.errors import Violation
from farhand_server.rpc.convert import assets, parameters
from farhand_server.rpc.convert.bounds import beyond
from farhand_server.rpc.rules import Check, Inside, Masks, On, characters, matches, required, size
from farhand_server.rpc.values import ASSET, NAMES
from farhand_wire import limits
from farhand_wire.v1 import asset_pb2


def value(given: Value) -> str:
    """Of a variable."""
    if given.WhichOneof("kind") is None:
        return "is required: null is a value, too"
    try:
        plain = assets.value(given)
        return beyond(plain) or characters(limits.VARIABLE_CHARACTERS)(as_text(plain))
    except ValueError as error:
        return f"cannot be written as JSON: {error}"


def fields(given: Struct) -> str:
    """Of a connection."""
    plain = parameters.plain(given)
    try:
        return beyond(plain) or size(limits.CONNECTION_BYTES)(as_text(plain).encode())
    except ValueError as error:
        return f"cannot be written as JSON: {error}"


def _apart(message: Message, at: str) -> Iterator[Violation]:
    """No field of a connection is both open and secret."""
    assert isinstance(
        message, asset_pb2.CreateConnectionRequest | asset_pb2.UpdateConnectionRequest
    )
    for name in sorted(set(message.connection.fields) & set(message.secret_fields)):
        yield Violation(field=f"{at}secret_fields.{name}", problem="is one of the fields as well")


#: `user`, `domain\\user`, `user@domain`.
_USER = matches(
    rf"[^\x00-\x1f/:\\]{{1,{limits.USER_NAME_CHARACTERS}}}(\\[^\x00-\x1f/:\\]{{1,64}})?",
    "is no user name: user, domain\\user or user@domain",
)
_NAME = On("name", required(ASSET))
_DESCRIPTION = On("description", characters(limits.DESCRIPTION_CHARACTERS))
_NAMED: tuple[Check, ...] = (_NAME,)
_NAMED_WELL: tuple[Check, ...] = (_NAME, _DESCRIPTION)
_PASSWORD = On("password", size(limits.PASSWORD_BYTES))
_CONTENT = On("content", size(limits.CERTIFICATE_BYTES))
_CONNECTION = Inside(
    "connection", *_NAMED_WELL, On("connection_type", characters(64)), On("fields", fields)
)
_SECRET_FIELDS = On("secret_fields", fields)

RULES: dict[type[Message], tuple[Check, ...]] = {
    asset_pb2.CreateVariableRequest: (Inside("variable", *_NAMED_WELL, On("value", value)),),
    asset_pb2.UpdateVariableRequest: (
        Inside("variable", *_NAMED_WELL),
        Masks("description", "value", where={"value": Inside("variable", On("value", value))}),
    ),
    asset_pb2.CreateCredentialRequest: (
        Inside("credential", *_NAMED_WELL, On("user_name", required(_USER))),
        On("password", required(size(limits.PASSWORD_BYTES))),
    ),
    asset_pb2.UpdateCredentialRequest: (
        Inside("credential", *_NAMED_WELL),
        _PASSWORD,
        Masks(
            *("description", "user_name", "password"),
            where={
                "user_name": Inside("credential", On("user_name", required(_USER))),
                "password": On("password", required(size(limits.PASSWORD_BYTES))),
            },
        ),
    ),
    asset_pb2.CreateCertificateRequest: (
        *_NAMED_WELL,
        On("content", required(size(limits.CERTIFICATE_BYTES))),
        _PASSWORD,
    ),
    asset_pb2.UpdateCertificateRequest: (
        *_NAMED_WELL,
        _CONTENT,
        _PASSWORD,
        Masks("description", "content", "exportable"),
    ),
    asset_pb2.CreateConnectionRequest: (
        _CONNECTION,
        _SECRET_FIELDS,
        _apart,
    ),
    asset_pb2.UpdateConnectionRequest: (
        _CONNECTION,
        _SECRET_FIELDS,
        _apart,
        Masks("description", "connection_type", "fields", "secret_fields"),
    ),
    **dict.fromkeys(
        (
            *(asset_pb2.GetVariableRequest, asset_pb2.DeleteVariableRequest),
            *(asset_pb2.GetCredentialRequest, asset_pb2.DeleteCredentialRequest),
            *(asset_pb2.GetCertificateRequest, asset_pb2.DeleteCertificateRequest),
            *(asset_pb2.GetConnectionRequest, asset_pb2.DeleteConnectionRequest),
        ),
        _NAMED,
    ),
    **dict.fromkeys(
        (
            *(asset_pb2.ListVariablesRequest, asset_pb2.ListCredentialsRequest),
            *(asset_pb2.ListCertificatesRequest, asset_pb2.ListConnectionsRequest),
        ),
        NAMES,
    ),
}
