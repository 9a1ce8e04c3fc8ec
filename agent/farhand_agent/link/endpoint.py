"""Where the control plane is, in any spelling that people have at hand."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from farhand_agent.errors import AgentError

PORT = 8443
HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; `str` gives `host:port`, with brackets where IPv6 needs them."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str) -> Endpoint:
    """`host:port`, `host`, or an https URL, whose path is ignored. Raises AgentError."""
    scheme, separator, rest = text.strip().partition("://")
    try:
        parts = urlsplit(f"//{rest if separator else scheme}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or (separator and scheme.lower() != "https"):
        raise AgentError(
            f"{text} is not an endpoint",
            why="it must be host:port or https://host:port; there is no connection without TLS",
            do="use the endpoint that `farhand token create` or `farhand key show` prints",
        )
    return Endpoint(host, port or (HTTPS_PORT if separator else PORT))
