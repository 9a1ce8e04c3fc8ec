"""`farhand-server init`: everything that a server needs before its first start."""

import datetime
import socket
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from farhand_server import certificates, secrets
from farhand_server.core.ports import Chance
from farhand_server.data import claim, replace, write_new
from farhand_server.errors import StartError
from farhand_server.model.account import KeySlot
from farhand_server.model.identifiers import AccountId
from farhand_server.settings import split
from farhand_server.store import sqlite

#: The first account of a new store.
ACCOUNT = AccountId(1)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be made."""

    data: Path
    account: str
    #: Names and addresses under which machines and operators reach the server.
    hosts: Sequence[str]
    listen: str
    endpoint: str
    #: The operator's contexts file.
    contexts: Path


def initialise(plan: Plan, *, now: datetime.datetime, chance: Chance) -> str:
    """Makes it all; gives the first owner's token. Raises StartError if something is there."""
    data = claim(plan.data)
    authority = certificates.make_authority(now)
    server = certificates.make_server(authority, _hosts(plan), now)
    master = chance(secrets.KEY_BYTES)
    token = secrets.api_token(chance)
    write_new(data.ca_key, authority.key)
    write_new(data.ca_certificate, authority.certificate)
    write_new(data.key, server.key)
    write_new(data.certificate, server.certificate)
    write_new(data.settings, _settings(plan))
    sqlite.create(data.path)
    box = secrets.MasterKey(master)
    sqlite.bootstrap(
        data.path,
        account=plan.account,
        deployment_id=str(uuid.UUID(bytes=chance(16), version=4)),
        keys=[box.seal_key(secrets.account_key(chance), ACCOUNT, slot, chance) for slot in KeySlot],
        token_hash=secrets.digest(token),
        token_name="owner",
        now_ms=int(now.timestamp() * 1000),
    )
    # Last: without it the directory does not count as a server's.
    write_new(data.master_key, master)
    write_context(plan.contexts, server=local_address(plan), ca=data.ca_certificate, token=token)
    return token


def endpoint(plan: Plan) -> str:
    """host:port that agents dial."""
    host = plan.hosts[0] if plan.hosts else socket.gethostname()
    return plan.endpoint or _address(host, split(plan.listen)[1])


def local_address(plan: Plan) -> str:
    """host:port for the operator on this machine."""
    return f"localhost:{split(plan.listen)[1]}"


def contexts_path(environ: Mapping[str, str]) -> Path:
    """Where `farhand` keeps the servers that an operator knows."""
    if chosen := environ.get("FARHAND_CONFIG"):
        return Path(chosen)
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")) / ".config"
    return Path(base, "farhand", "config.toml").expanduser()


def write_context(path: Path, *, server: str, ca: Path, token: str) -> str:
    """Makes this server the current one of the operator; others stay. Gives the context's name."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        known = tomllib.loads(path.read_text())
    except FileNotFoundError:
        known = {}
    except ValueError as error:
        raise StartError(
            f"{path} is not TOML ({error})", do="correct it, then add the context"
        ) from error
    contexts = known.setdefault("contexts", {})
    taken = contexts.get("default", {}).get("server", server) != server
    name = server.replace(":", "-") if taken else "default"
    contexts[name] = {"server": server, "ca": str(ca), "token": token}
    known["current"] = name
    replace(path, tomli_w.dumps(known).encode())
    return name


def _hosts(plan: Plan) -> list[str]:
    return list(dict.fromkeys([*plan.hosts, *LOOPBACK, socket.gethostname()]))


def _settings(plan: Plan) -> bytes:
    return tomli_w.dumps({"listen": plan.listen, "endpoint": endpoint(plan)}).encode()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
