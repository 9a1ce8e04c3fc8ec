"""Which HTTP proxy a channel goes through. gRPC reads only the lower-case variables, knows no `*`,
and passes an https:// proxy by in silence; people expect otherwise."""

from collections.abc import Mapping

from farhand_agent.errors import AgentError
from farhand_agent.link.endpoint import Endpoint

Option = tuple[str, str | int]


def options(environ: Mapping[str, str], endpoint: Endpoint) -> list[Option]:
    """Channel options. Raises AgentError for a proxy that gRPC could not use."""
    proxy = proxy_for(environ, endpoint)
    if not proxy:
        return [("grpc.enable_http_proxy", 0)]
    if not proxy.startswith("http://"):
        raise AgentError(
            f"the proxy {_without_password(proxy)} cannot be used",
            why="the agent speaks to a proxy by http:// only; TLS goes through it to the server",
            do="set https_proxy to an http:// address, or name the server in no_proxy",
        )
    return [("grpc.http_proxy", proxy)]


def proxy_for(environ: Mapping[str, str], endpoint: Endpoint) -> str:
    """The proxy's URL, empty for none."""
    if _exempt(_read(environ, "no_grpc_proxy", "no_proxy"), endpoint.host):
        return ""
    return _read(environ, "grpc_proxy", "https_proxy", "http_proxy")


def _read(environ: Mapping[str, str], *names: str) -> str:
    for name in names:
        value = environ.get(name) or environ.get(name.upper())
        if value:
            return value
    return ""


def _exempt(no_proxy: str, host: str) -> bool:
    if host in ("localhost", "::1") or host.startswith("127."):
        return True
    for entry in (part.strip().lstrip(".") for part in no_proxy.split(",")):
        if entry and (entry == "*" or host == entry or host.endswith("." + entry)):
            return True
    return False


def _without_password(proxy: str) -> str:
    scheme, separator, rest = proxy.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
