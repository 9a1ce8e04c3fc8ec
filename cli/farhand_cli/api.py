"""The control plane's services over one TLS connection; grpc is loaded when one is called."""

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from farhand_cli.failure import Failure
from farhand_cli.target import Target
from farhand_wire import limits

if TYPE_CHECKING:
    import grpc

    from farhand_wire.v1.account_pb2_grpc import AccountServiceStub
    from farhand_wire.v1.asset_pb2_grpc import AssetServiceStub
    from farhand_wire.v1.hybrid_worker_group_pb2_grpc import HybridWorkerGroupServiceStub
    from farhand_wire.v1.hybrid_worker_pb2_grpc import HybridWorkerServiceStub
    from farhand_wire.v1.job_pb2_grpc import JobServiceStub
    from farhand_wire.v1.runbook_pb2_grpc import RunbookServiceStub


class Page(Protocol):
    """One answer of a List call."""

    next_page_token: str


P = TypeVar("P", bound=Page)

_STREAMS = ("WatchJob", "ReadJobOutput", "FollowJobOutput")
#: Streams last as long as their job; a receipt of much output takes a while; a start has an id of
#: its own, so that it may be sent again.
_METHODS: dict[str, Any] = {
    "methodConfig": [
        {"name": [{}], "timeout": "15s"},
        {"name": [{"service": "farhand.v1.JobService", "method": method} for method in _STREAMS]},
        {
            "name": [{"service": "farhand.v1.JobService", "method": "GetJobReceipt"}],
            "timeout": "300s",
        },
        {
            "name": [{"service": "farhand.v1.JobService", "method": "StartJob"}],
            "timeout": "30s",
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
    ]
}
OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_METHODS)),
    # A network that goes away in silence is noticed while a job is followed.
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    # Without it the core waits for a minute before it believes that a ping was lost.
    ("grpc.http2.ping_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A page of jobs carries their parameters; the server is trusted with our memory.
    ("grpc.max_receive_message_length", -1),
    # Two channels of one process are two connections, as they would be of two.
    ("grpc.use_local_subchannel_pool", 1),
]


class Api:
    """One stub a service. Calls raise grpc.RpcError."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def close(self) -> None:
        """Ends every call and the connection, if there was one."""
        if "_channel" in self.__dict__:
            self._channel.close()

    @cached_property
    def _channel(self) -> "grpc.Channel":
        import grpc

        return grpc.secure_channel(
            self._target.server,
            grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(_authorities(self._target)),
                grpc.access_token_call_credentials(self._target.token),
            ),
            options=OPTIONS,
        )

    @cached_property
    def account(self) -> "AccountServiceStub":
        from farhand_wire.v1.account_pb2_grpc import AccountServiceStub

        return AccountServiceStub(self._channel)

    @cached_property
    def assets(self) -> "AssetServiceStub":
        from farhand_wire.v1.asset_pb2_grpc import AssetServiceStub

        return AssetServiceStub(self._channel)

    @cached_property
    def groups(self) -> "HybridWorkerGroupServiceStub":
        from farhand_wire.v1.hybrid_worker_group_pb2_grpc import HybridWorkerGroupServiceStub

        return HybridWorkerGroupServiceStub(self._channel)

    @cached_property
    def workers(self) -> "HybridWorkerServiceStub":
        from farhand_wire.v1.hybrid_worker_pb2_grpc import HybridWorkerServiceStub

        return HybridWorkerServiceStub(self._channel)

    @cached_property
    def jobs(self) -> "JobServiceStub":
        from farhand_wire.v1.job_pb2_grpc import JobServiceStub

        return JobServiceStub(self._channel)

    @cached_property
    def runbooks(self) -> "RunbookServiceStub":
        from farhand_wire.v1.runbook_pb2_grpc import RunbookServiceStub

        return RunbookServiceStub(self._channel)


def pages(fetch: Callable[[str], P]) -> Iterator[P]:
    """Every page of a list; `fetch` asks for the one that a token names."""
    token = ""
    while True:
        page = fetch(token)
        yield page
        token = page.next_page_token
        if not token:
            return


def _authorities(target: Target) -> bytes | None:
    if target.ca is None:
        return None
    try:
        return target.ca.read_bytes()
    except OSError as error:
        raise Failure(
            f"the CA file {target.ca} cannot be read",
            why=f"{error.strerror}; it was named for {target.server} by {target.source}",
            do=["name the server's ca.pem: --ca FILE"],
            code="no_ca",
        ) from error
