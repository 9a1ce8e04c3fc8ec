"""Who may call what, and what nobody is told."""

import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from tests.support.edge import Caller, Edge, refusal
from tests.support.edge_jobs import publish, start

from farhand_server.rpc.auth import POLICIES, Policy
from farhand_wire.v1 import account_pb2, account_pb2_grpc, hybrid_worker_group_pb2, job_pb2

OPERATORS = sorted(method for method, policy in POLICIES.items() if policy is Policy.OPERATOR)
ACCOUNT = account_pb2.GetAccountRequest()


@pytest.fixture
async def nobody(server: Edge) -> AsyncIterator[aio.Channel]:
    """A connection without a token."""
    async with server.channel() as channel:
        yield channel


def call(channel: aio.Channel, method: str, metadata: tuple[tuple[str, str], ...] = ()) -> Any:
    """An empty request to any method."""
    called: Any = channel.unary_unary(method)
    return called(b"", metadata=metadata, timeout=10)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", token),)


async def test_every_operators_method_refuses_a_caller_without_a_token(
    nobody: aio.Channel,
) -> None:
    for method in OPERATORS:
        refused = await refusal(call(nobody, method))

        assert refused.code == grpc.StatusCode.UNAUTHENTICATED, method
        assert refused.message == "no API token was sent"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic x", "fh_x", "Bearer fh_wrong"])
async def test_a_wrong_token_is_refused_on_every_method(nobody: aio.Channel, header: str) -> None:
    for method in OPERATORS:
        refused = await refusal(call(nobody, method, bearer(header)))

        assert refused.code == grpc.StatusCode.UNAUTHENTICATED, method


async def test_the_scheme_may_be_spelled_in_any_case(server: Edge, nobody: aio.Channel) -> None:
    stub = account_pb2_grpc.AccountServiceStub(nobody)

    answer = await stub.GetAccount(ACCOUNT, metadata=bearer(f"bEaReR {server.token}"))

    assert (answer.account, answer.caller) == ("default", "owner")


async def test_an_expired_token_is_refused(server: Edge, owner: Caller) -> None:
    set_expiry(server, 1)

    refused = await refusal(owner.ask(owner.account.GetAccount, ACCOUNT))

    assert refused.code == grpc.StatusCode.UNAUTHENTICATED
    assert "has expired" in refused.message


def set_expiry(server: Edge, unix_ms: int) -> None:
    with sqlite3.connect(server.data / "farhand.db") as database:
        database.execute("UPDATE api_tokens SET expires = ?", (unix_ms,))
    database.close()


async def test_what_is_not_in_the_table_does_not_exist(server: Edge, nobody: aio.Channel) -> None:
    for metadata in ((), bearer(f"Bearer {server.token}")):
        refused = await refusal(call(nobody, "/farhand.v1.JobService/DropAll", metadata))

        assert refused.code == grpc.StatusCode.UNIMPLEMENTED


async def test_health_and_the_authority_are_open(server: Edge, nobody: aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(nobody)
    checked = await health.Check(health_pb2.HealthCheckRequest(service="farhand.v1.JobService"))
    stub = account_pb2_grpc.AccountServiceStub(nobody)
    authority = await stub.GetCertificateAuthority(account_pb2.GetCertificateAuthorityRequest())

    assert checked.status == health_pb2.HealthCheckResponse.SERVING
    assert authority.certificate == (server.data / "ca.pem").read_text()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_shows_every_service_to_operators(owner: Caller, version: str) -> None:
    method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    stream: Any = owner.channel.stream_stream(
        method,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )(metadata=owner.metadata)
    await stream.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    await stream.write(
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="farhand.v1.WorkerService")
    )
    await stream.done_writing()

    services = {service.name for service in (await stream.read()).list_services_response.service}
    described = (await stream.read()).file_descriptor_response.file_descriptor_proto
    assert {"farhand.v1.JobService", "farhand.v1.WorkerService"} < services
    assert described


async def test_an_internal_error_tells_a_number_and_nothing_else(
    server: Edge, owner: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(owner)
    group = hybrid_worker_group_pb2.CreateHybridWorkerGroupRequest(name="demo")
    await owner.ask(owner.groups.CreateHybridWorkerGroup, group)
    job = await start(owner)
    with sqlite3.connect(server.data / "farhand.db") as database:
        database.execute("UPDATE jobs SET parameters = 'not JSON'")
    database.close()

    with pytest.raises(aio.AioRpcError) as caught:
        # By a beginning of its id, for what is known of it by its whole one is not read again.
        await owner.ask(owner.jobs.GetJob, job_pb2.GetJobRequest(job_id=job.job_id[:20]))

    assert caught.value.code() == grpc.StatusCode.INTERNAL
    number = (caught.value.details() or "").removeprefix("internal error ")
    assert len(number) == 8
    assert not caught.value.trailing_metadata()
    logged = capsys.readouterr()
    assert number in logged.out + logged.err
    assert "JSONDecodeError" in logged.out + logged.err


async def test_an_error_before_the_handler_is_guarded_as_well(server: Edge) -> None:
    with sqlite3.connect(server.data / "farhand.db") as database:
        database.execute("ALTER TABLE api_tokens RENAME TO hidden_tokens")
    database.close()
    async with server.caller() as caller:
        with pytest.raises(aio.AioRpcError) as caught:
            await caller.ask(caller.account.GetAccount, ACCOUNT)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "hidden" not in (caught.value.details() or "")


async def test_compressed_requests_are_refused(server: Edge, nobody: aio.Channel) -> None:
    stub = account_pb2_grpc.AccountServiceStub(nobody)
    compressed = stub.GetAccount(
        ACCOUNT,
        metadata=bearer(f"Bearer {server.token}"),
        compression=grpc.Compression.Gzip,
        timeout=10,
    )

    assert (await refusal(compressed)).code == grpc.StatusCode.UNIMPLEMENTED
