"""Assets: what is kept of each kind, and what is shown of it."""

from collections.abc import Mapping

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value

from farhand_server.declared.values import as_text
from farhand_server.model.asset import Asset
from farhand_server.model.clock import UnixMs
from farhand_server.model.parameter import Json
from farhand_server.rpc.convert import parameters
from farhand_server.rpc.convert.moments import timestamp
from farhand_wire.v1 import asset_pb2


def variable(asset: Asset) -> asset_pb2.Variable:
    """An encrypted one without its value."""
    made = asset_pb2.Variable(
        name=asset.name,
        description=asset.description,
        encrypted=asset.encrypted,
        create_time=timestamp(asset.created),
        modify_time=timestamp(asset.modified),
    )
    if not asset.encrypted:
        json_format.Parse(as_text(asset.values["value"]), made.value)
    return made


def value(given: Value) -> Json:
    """Of a variable."""
    holder = Struct()
    holder.fields["value"].CopyFrom(given)
    return parameters.plain(holder)["value"]


def credential(asset: Asset) -> asset_pb2.Credential:
    return asset_pb2.Credential(
        name=asset.name,
        description=asset.description,
        user_name=str(asset.values["user_name"]),
        create_time=timestamp(asset.created),
        modify_time=timestamp(asset.modified),
    )


def certificate(asset: Asset) -> asset_pb2.Certificate:
    values = asset.values
    return asset_pb2.Certificate(
        name=asset.name,
        description=asset.description,
        thumbprint=str(values["thumbprint"]),
        subject=str(values["subject"]),
        expire_time=timestamp(UnixMs(_integer(values["expires"]))),
        exportable=bool(values["exportable"]),
        has_private_key=bool(asset.secrets),
        create_time=timestamp(asset.created),
        modify_time=timestamp(asset.modified),
    )


def connection(asset: Asset) -> asset_pb2.Connection:
    made = asset_pb2.Connection(
        name=asset.name,
        description=asset.description,
        connection_type=str(asset.values["connection_type"]),
        secret_fields=asset.secrets,
        create_time=timestamp(asset.created),
        modify_time=timestamp(asset.modified),
    )
    fields = asset.values["fields"]
    assert isinstance(fields, Mapping)
    json_format.Parse(as_text(dict(fields)), made.fields)
    return made


def _integer(number: Json) -> int:
    assert isinstance(number, int)
    return number
