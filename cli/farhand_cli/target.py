"""Which server is meant, how to be let in, and where each of these was said."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from farhand_cli.contexts import Contexts, shown
from farhand_cli.failure import Failure

PORT = 8443


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What flags and environment say; empty where they say nothing."""

    server: str = ""
    #: "--server" or "FARHAND_SERVER".
    server_source: str = ""
    ca: str = ""
    token: str = field(default="", repr=False)
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server to call."""

    #: host:port
    server: str
    #: For people: where `server` was read.
    source: str
    #: Certificate authorities; the system's if None.
    ca: Path | None
    token: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(f"//{self.server}").hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(f"//{self.server}").port or PORT


def resolve(choice: Choice, contexts: Contexts, path: Path) -> Target:
    """Each value by itself: flag, then environment, then context. Raises Failure if no server or
    no token is known."""
    name = choice.context or contexts.current
    context = contexts.get(name) if name else None
    server = choice.server or (context.server if context else "")
    if not server:
        raise Failure(
            "no server is known",
            why=f"no --server, no FARHAND_SERVER, and no current context in {shown(path)}",
            do=["farhand context add NAME --server HOST:PORT --ca ca.pem --token-stdin"],
            code="no_server",
        )
    source = choice.server_source or f'context "{name}" from {shown(path)}'
    token = choice.token or (context.token if context else "")
    if not token:
        raise Failure(
            f"no token for {server}",
            why=f"no --token, no FARHAND_TOKEN, and none in {source}",
            do=["farhand context add NAME --server HOST:PORT --ca ca.pem --token-stdin"],
            code="no_token",
        )
    ca = choice.ca or (context.ca if context else "")
    return Target(
        server=endpoint(server),
        source=source,
        ca=Path(ca).expanduser() if ca else None,
        token=_header_value(token),
    )


def endpoint(text: str) -> str:
    """host:port of `host`, `host:port` or `https://host[:port]`. Raises Failure if it is none."""
    address = text.strip().removeprefix("https://").rstrip("/")
    try:
        parts = urlsplit(f"//{address}")
        good = parts.hostname and parts.netloc == address and "@" not in address
        port = parts.port or PORT
    except ValueError:
        good = False
    if not good:
        raise Failure(f'"{text}" is not a server', why="a server is HOST:PORT", code="bad_server")
    host = address if parts.port is None else address.rpartition(":")[0]
    return f"{host}:{port}"


def _header_value(token: str) -> str:
    """The token without the line end it was pasted with. Raises Failure if it cannot be sent."""
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        raise Failure("the token holds characters that no token has", code="bad_token")
    return token
