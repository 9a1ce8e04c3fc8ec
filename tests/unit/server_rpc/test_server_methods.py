"""Every method that the server could answer is in the table of policies, and nothing else is."""

from farhand_server.rpc.auth import POLICIES, Policy
from farhand_server.rpc.server import SERVICES
from farhand_wire.v1 import (
    account_pb2,
    asset_pb2,
    hybrid_worker_group_pb2,
    hybrid_worker_pb2,
    job_pb2,
    runbook_pb2,
    worker_pb2,
)

FILES = (
    account_pb2,
    asset_pb2,
    hybrid_worker_group_pb2,
    hybrid_worker_pb2,
    job_pb2,
    runbook_pb2,
    worker_pb2,
)
OF_LIBRARIES = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.health.v1.Health/List",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}


def described() -> set[str]:
    services = [s for file in FILES for s in file.DESCRIPTOR.services_by_name.values()]
    return {f"/{s.full_name}/{method.name}" for s in services for method in s.methods}


def test_every_method_has_a_policy_and_every_policy_a_method() -> None:
    assert set(POLICIES) == described() | OF_LIBRARIES


def test_every_service_of_the_contract_is_served() -> None:
    services = {s.full_name for file in FILES for s in file.DESCRIPTOR.services_by_name.values()}

    assert services < set(SERVICES)


def test_only_these_methods_are_open() -> None:
    opened = {method for method, policy in POLICIES.items() if policy is Policy.OPEN}

    assert opened == {
        "/farhand.v1.WorkerService/Connect",
        "/farhand.v1.AccountService/GetCertificateAuthority",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.health.v1.Health/List",
    }
