"""A control plane made of dicts, served over TLS on a loopback port: what the command talks to.

It keeps what it was given and answers as the contract says; `refuse` and `cut` make it fail.
"""

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import grpc
from tests.support.authority import Authority, authority
from tests.support.plane.assets import AssetService
from tests.support.plane.jobs import JobService
from tests.support.plane.ledger import Ledger
from tests.support.plane.resources import (
    AccountService,
    GroupService,
    RunbookService,
    WorkerService,
)

from farhand_wire.v1.account_pb2_grpc import add_AccountServiceServicer_to_server
from farhand_wire.v1.asset_pb2_grpc import add_AssetServiceServicer_to_server
from farhand_wire.v1.hybrid_worker_group_pb2_grpc import (
    add_HybridWorkerGroupServiceServicer_to_server,
)
from farhand_wire.v1.hybrid_worker_pb2_grpc import add_HybridWorkerServiceServicer_to_server
from farhand_wire.v1.job_pb2_grpc import add_JobServiceServicer_to_server
from farhand_wire.v1.runbook_pb2_grpc import add_RunbookServiceServicer_to_server

HOST = "127.0.0.1"


class ControlPlane(Ledger):
    """A ledger behind six services."""

    def __init__(self, port: int = 0, certificates: Authority | None = None) -> None:
        super().__init__()
        made = certificates or authority("localhost", HOST)
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        add_AccountServiceServicer_to_server(AccountService(self), self._server)
        add_AssetServiceServicer_to_server(AssetService(self), self._server)  # type: ignore[arg-type]
        add_HybridWorkerGroupServiceServicer_to_server(GroupService(self), self._server)
        add_HybridWorkerServiceServicer_to_server(WorkerService(self), self._server)
        add_JobServiceServicer_to_server(JobService(self), self._server)
        add_RunbookServiceServicer_to_server(RunbookService(self), self._server)
        credentials = grpc.ssl_server_credentials([(made.key, made.certificate)])
        self.port = self._server.add_secure_port(f"{HOST}:{port}", credentials)
        self.endpoint = f"{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Goes away at once, as if it were killed."""
        self._server.stop(None).wait()
