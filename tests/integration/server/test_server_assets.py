"""Assets over the wire: kept, shown without their secrets, and nowhere in clear."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID
from google.protobuf.json_format import MessageToDict, ParseDict
from tests.support.edge import Caller, Edge, refusal

from farhand_wire.v1 import asset_pb2

CANARY = "canary-5b0e"
EXPIRES = datetime(2031, 1, 2, tzinfo=UTC)


def made() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backup")])
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name)
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(EXPIRES - timedelta(days=9)).not_valid_after(EXPIRES)
    return builder.sign(key, hashes.SHA256()), key


def variable(value: Any, **fields: Any) -> asset_pb2.Variable:
    whole = {"name": "limit", "value": value, **fields}
    return ParseDict(whole, asset_pb2.Variable())


@pytest.mark.parametrize("value", ["text", 7, 7.5, True, None, [1, "x"], {"a": {"b": None}}])
async def test_a_variable_is_of_any_type(owner: Caller, value: Any) -> None:
    request = asset_pb2.CreateVariableRequest(variable=variable(value))
    await owner.ask(owner.assets.CreateVariable, request)
    got = await owner.ask(owner.assets.GetVariable, asset_pb2.GetVariableRequest(name="limit"))

    assert MessageToDict(got.variable)["value"] == value


async def test_an_encrypted_variable_is_never_shown_and_nowhere_in_clear(
    owner: Caller, server: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    request = asset_pb2.CreateVariableRequest(variable=variable(CANARY, encrypted=True))
    told = await owner.ask(owner.assets.CreateVariable, request)
    changed = asset_pb2.UpdateVariableRequest(variable=variable(f"{CANARY}-2"))
    changed.update_mask.paths.append("value")
    told_again = await owner.ask(owner.assets.UpdateVariable, changed)
    listed = await owner.ask(owner.assets.ListVariables, asset_pb2.ListVariablesRequest())

    assert told.variable.encrypted
    assert not told.variable.HasField("value")
    assert CANARY not in str((told, told_again, listed))
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert all(CANARY.encode() not in path.read_bytes() for path in files)
    assert CANARY not in "".join(capsys.readouterr())


async def test_a_credential_keeps_its_password_to_itself(owner: Caller, server: Edge) -> None:
    credential = asset_pb2.Credential(name="deploy", user_name="corp\\deploy")
    request = asset_pb2.CreateCredentialRequest(credential=credential, password=CANARY)
    told = (await owner.ask(owner.assets.CreateCredential, request)).credential
    changed = asset_pb2.UpdateCredentialRequest(
        credential=asset_pb2.Credential(name="deploy", user_name="other@corp")
    )
    changed.update_mask.paths.append("user_name")
    saved = (await owner.ask(owner.assets.UpdateCredential, changed)).credential

    assert (told.user_name, saved.user_name) == ("corp\\deploy", "other@corp")
    assert CANARY not in str(told)
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert all(CANARY.encode() not in path.read_bytes() for path in files)


@pytest.mark.parametrize("form", ["pkcs12", "pem", "pem without key"])
async def test_a_certificate_says_what_it_is(owner: Caller, form: str) -> None:
    certificate, key = made()
    lock = BestAvailableEncryption(b"open")
    pem = certificate.public_bytes(Encoding.PEM)
    content = {
        "pkcs12": pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, lock),
        "pem": pem + key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, lock),
        "pem without key": pem,
    }[form]
    request = asset_pb2.CreateCertificateRequest(
        name="backup", content=content, password="open", exportable=True
    )
    told = (await owner.ask(owner.assets.CreateCertificate, request)).certificate

    assert told.thumbprint == certificate.fingerprint(hashes.SHA1()).hex().upper()
    assert told.subject == "CN=backup"
    assert told.expire_time.ToDatetime(tzinfo=UTC) == EXPIRES
    assert told.has_private_key == (form != "pem without key")


async def test_a_certificate_that_does_not_open_is_refused(owner: Caller) -> None:
    certificate, key = made()
    lock = BestAvailableEncryption(b"open")
    content = pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, lock)
    for wrong in (content, b"nothing", b"-----BEGIN CERTIFICATE-----\nxx\n"):
        request = asset_pb2.CreateCertificateRequest(name="a", content=wrong, password="shut")
        refused = await refusal(owner.ask(owner.assets.CreateCertificate, request))
        assert "content" in refused.message


async def test_a_connection_shows_its_fields_and_names_its_secrets(owner: Caller) -> None:
    request = asset_pb2.CreateConnectionRequest(
        connection=asset_pb2.Connection(name="db", connection_type="postgres")
    )
    request.connection.fields.update({"host": "db1", "port": 5432})
    request.secret_fields.update({"password": CANARY})
    told = (await owner.ask(owner.assets.CreateConnection, request)).connection
    request.secret_fields.update({"host": "x"})
    refused = await refusal(owner.ask(owner.assets.CreateConnection, request))

    assert MessageToDict(told.fields) == {"host": "db1", "port": 5432}
    assert list(told.secret_fields) == ["password"]
    assert CANARY not in str(told)
    assert "is one of the fields as well" in refused.message


async def test_assets_come_by_name_in_pages_and_go(owner: Caller) -> None:
    for name in ("c", "a", "b"):
        request = asset_pb2.CreateVariableRequest(variable=variable(1, name=name))
        await owner.ask(owner.assets.CreateVariable, request)
    first = await owner.ask(owner.assets.ListVariables, asset_pb2.ListVariablesRequest(page_size=2))
    rest = await owner.ask(
        owner.assets.ListVariables,
        asset_pb2.ListVariablesRequest(page_size=2, page_token=first.next_page_token),
    )
    await owner.ask(owner.assets.DeleteVariable, asset_pb2.DeleteVariableRequest(name="a"))
    gone = await refusal(
        owner.ask(owner.assets.GetVariable, asset_pb2.GetVariableRequest(name="a"))
    )

    assert [each.name for each in (*first.variables, *rest.variables)] == ["a", "b", "c"]
    assert gone.reason == "ASSET_NOT_FOUND"


async def test_all_that_is_wrong_is_said_at_once(owner: Caller) -> None:
    request = asset_pb2.CreateCredentialRequest(
        credential=asset_pb2.Credential(name="1st", user_name="a/b", description="x" * 2000)
    )
    refused = await refusal(owner.ask(owner.assets.CreateCredential, request))

    assert sorted(refused.fields) == [
        "credential.description",
        "credential.name",
        "credential.user_name",
        "password",
    ]
