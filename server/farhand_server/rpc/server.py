"""The one port: options, interceptors, services."""

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from farhand_server.errors import StartError
from farhand_server.rpc.account import AccountService, Facade
from farhand_server.rpc.assets import AssetService
from farhand_server.rpc.auth import Authentication, Callers
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.connect import WorkerService
from farhand_server.rpc.groups import HybridWorkerGroupService
from farhand_server.rpc.guard import Guard
from farhand_server.rpc.jobs import JobService
from farhand_server.rpc.listener import StreamLimits
from farhand_server.rpc.reflection import add_reflection
from farhand_server.rpc.runbooks import RunbookService
from farhand_server.rpc.workers import HybridWorkerService
from farhand_server.secrets import MasterKey
from farhand_wire import limits
from farhand_wire.v1 import (
    account_pb2,
    account_pb2_grpc,
    asset_pb2,
    asset_pb2_grpc,
    hybrid_worker_group_pb2,
    hybrid_worker_group_pb2_grpc,
    hybrid_worker_pb2,
    hybrid_worker_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    runbook_pb2,
    runbook_pb2_grpc,
    worker_pb2,
    worker_pb2_grpc,
)

#: A fixed HTTP/2 window; the probe that would find one costs a ping per message.
LOOKAHEAD_BYTES = 512 * 1024

SERVICES = tuple(
    file.DESCRIPTOR.services_by_name[name].full_name
    for file, name in (
        (asset_pb2, "AssetService"),
        (account_pb2, "AccountService"),
        (hybrid_worker_group_pb2, "HybridWorkerGroupService"),
        (hybrid_worker_pb2, "HybridWorkerService"),
        (job_pb2, "JobService"),
        (runbook_pb2, "RunbookService"),
        (worker_pb2, "WorkerService"),
        (health_pb2, "Health"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """Intervals of HTTP/2 pings, in ms."""

    every: int = limits.KEEPALIVE_MS
    timeout: int = limits.KEEPALIVE_TIMEOUT_MS
    #: Peers that ping more often than this are cut off.
    least: int = limits.MIN_PING_MS

    def options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.keepalive_time_ms", self.every),
            ("grpc.keepalive_timeout_ms", self.timeout),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.http2.ping_timeout_ms", self.timeout),
            # The C macro's spelling (min_recv_ping_…) is ignored in silence.
            ("grpc.http2.min_ping_interval_without_data_ms", self.least),
        ]


OPTIONS: Sequence[tuple[str, int]] = (
    # Else a second server would share the port and take half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", limits.MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MESSAGE_BYTES + 64 * 1024),
    ("grpc.max_concurrent_streams", limits.STREAMS_PER_CONNECTION),
    # Identity only: a compressed message may be a bomb.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
)


class RpcServer:
    """Serves everything on one TLS port."""

    def __init__(
        self,
        *,
        backend: Backend,
        facade: Facade,
        master: MasterKey,
        deployment: str,
        pings: Pings,
        streams: StreamLimits,
    ) -> None:
        handshake_ms = round(streams.handshake_seconds * 1000)
        self._server = aio.server(
            interceptors=[Guard(), Authentication(Callers(backend))],
            options=[
                *OPTIONS,
                *pings.options(),
                ("grpc.server_handshake_timeout_ms", handshake_ms),
            ],
        )
        self._health = health.aio.HealthServicer()
        self._streams = WorkerService(backend, deployment=deployment, streams=streams)
        self._add(backend, facade, master)

    def _add(self, backend: Backend, facade: Facade, master: MasterKey) -> None:
        server = self._server
        account_pb2_grpc.add_AccountServiceServicer_to_server(
            AccountService(backend, facade, master), server
        )
        hybrid_worker_group_pb2_grpc.add_HybridWorkerGroupServiceServicer_to_server(
            HybridWorkerGroupService(backend), server
        )
        hybrid_worker_pb2_grpc.add_HybridWorkerServiceServicer_to_server(
            HybridWorkerService(backend), server
        )
        asset_pb2_grpc.add_AssetServiceServicer_to_server(AssetService(backend), server)
        job_pb2_grpc.add_JobServiceServicer_to_server(JobService(backend), server)
        runbook_pb2_grpc.add_RunbookServiceServicer_to_server(RunbookService(backend), server)
        worker_pb2_grpc.add_WorkerServiceServicer_to_server(self._streams, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        add_reflection(server, SERVICES)

    async def start(self, address: str, credentials: grpc.ServerCredentials) -> int:
        """Serves on host:port; gives the port (chosen by the system if it was 0).

        Raises StartError if the port cannot be had.
        """
        try:
            port = self._server.add_secure_port(address, credentials)
        except RuntimeError:
            raise StartError(
                f"{address} cannot be listened on: the port is taken, or the address is not of "
                "this machine",
                do="stop what uses it, or choose another with --listen",
            ) from None
        await self._server.start()
        for service in ("", *SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def drain(self, seconds: float, *, retry_after_ms: int) -> None:
        """Says NOT_SERVING, sends workers away, and waits for their streams to end."""
        await self._health.enter_graceful_shutdown()
        await self._streams.drain(seconds, retry_after_ms=retry_after_ms)

    async def stop(self, grace_seconds: float) -> None:
        """Ends every call, at the latest after the grace."""
        await self._server.stop(grace_seconds)
