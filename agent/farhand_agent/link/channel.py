"""The one connection to the control plane: TLS always, noticed within seconds when it is dead."""

from collections.abc import Mapping

import grpc
import grpc.aio

from farhand_agent.link import proxy
from farhand_agent.link.endpoint import Endpoint
from farhand_wire import limits

#: A frame list may be a little larger than its largest frame.
_MARGIN = 64 * 1024

OPTIONS: list[proxy.Option] = [
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    # Without it the core waits for a minute before it believes that a ping was lost.
    ("grpc.http2.ping_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A probe beside every lone data frame costs a third of a heartbeat.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.enable_retries", 0),
    # A new channel is a new connection, also when the old one only looks alive.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", limits.MESSAGE_BYTES),
    ("grpc.max_receive_message_length", limits.MESSAGE_BYTES + _MARGIN),
]


def open_channel(
    endpoint: Endpoint, *, roots: bytes | None, environ: Mapping[str, str]
) -> grpc.aio.Channel:
    """A channel that trusts `roots` (PEM; None: the public ones). Dials on the first call."""
    return grpc.aio.secure_channel(
        str(endpoint),
        grpc.ssl_channel_credentials(root_certificates=roots),
        options=[*OPTIONS, *proxy.options(environ, endpoint)],
    )
