"""farhand connection: bags of fields, some of them secret."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farhand_cli import parameters, secret, wire
from farhand_cli.asset_verbs import add_verbs, secret_options
from farhand_cli.session import Session
from farhand_cli.show import View, fields
from farhand_cli.table import Column
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.asset_pb2 import Connection


def _fields(connection: "Connection") -> str:
    shown = fields(connection)["fields"]
    named = [f"{name}={json.dumps(shown[name], ensure_ascii=False)}" for name in sorted(shown)]
    return ", ".join((*named, *(f"{name}=***" for name in connection.secret_fields)))


_NAME: Column["Connection"] = Column("NAME", lambda it, _: it.name)
_TYPE: Column["Connection"] = Column("TYPE", lambda it, _: it.connection_type or "-")
_FIELDS: Column["Connection"] = Column("FIELDS", lambda it, _: _fields(it))
_CHANGED: Column["Connection"] = Column("CHANGED", lambda it, manner: manner.time(it.modify_time))
VIEW: View["Connection"] = View(
    name=lambda connection: connection.name,
    columns=(_NAME, _TYPE, _CHANGED, _FIELDS),
    card=(
        *(_NAME, _TYPE, _FIELDS),
        Column("DESCRIPTION", lambda it, _: it.description),
        Column("CREATED", lambda it, manner: manner.time(it.create_time)),
        _CHANGED,
    ),
)
_FIELD = click.option(
    "--field", "pairs", multiple=True, metavar="NAME=VALUE", help="All of them; repeatable."
)


@click.group
def connection() -> None:
    """Connections: fields that belong together; secret ones are in jobs only."""


add_verbs(connection, VIEW, empty="farhand connection create NAME --field host=db1")


@connection.command("create")
@click.argument("name", metavar="NAME")
@click.option("--type", "type_", default="", metavar="TYPE", help="For people.")
@_FIELD
@secret_options("secrets")
@click.option("--description", default="", metavar="TEXT", help="For people.")
@answers
@pass_session
def create(
    session: Session,
    name: str,
    type_: str,
    pairs: tuple[str, ...],
    secrets_file: Path | None,
    secrets_stdin: bool,
    description: str,
) -> None:
    """Make a connection; secret fields are read as a JSON object.

    \b
    farhand connection create db --type postgres --field host=db1 --field port=5432
    echo '{"password": "…"}' | farhand connection create db --field host=db1 --secrets-stdin
    """
    wanted = wire.asset.Connection(name=name, connection_type=type_, description=description)
    wanted.fields.update(_given(pairs))
    request = wire.asset.CreateConnectionRequest(connection=wanted)
    request.secret_fields.update(_secrets(secrets_file, secrets_stdin))
    made = session.api.assets.CreateConnection(request).connection
    session.made(VIEW, made, f"connection {name} is made")


@connection.command("set")
@click.argument("name", metavar="CONNECTION")
@click.option("--type", "type_", metavar="TYPE", help="For people.")
@_FIELD
@secret_options("secrets")
@click.option("--description", metavar="TEXT", help="For people.")
@answers
@pass_session
def set_(
    session: Session,
    name: str,
    type_: str | None,
    pairs: tuple[str, ...],
    secrets_file: Path | None,
    secrets_stdin: bool,
    description: str | None,
) -> None:
    """Change a connection: its fields as a whole, its secret fields as a whole."""
    wanted = wire.asset.Connection(
        name=name, connection_type=type_ or "", description=description or ""
    )
    wanted.fields.update(_given(pairs))
    request = wire.asset.UpdateConnectionRequest(connection=wanted)
    request.secret_fields.update(_secrets(secrets_file, secrets_stdin))
    said = {
        "connection_type": type_ is not None,
        "description": description is not None,
        "fields": bool(pairs),
        "secret_fields": secrets_stdin or secrets_file is not None,
    }
    request.update_mask.paths.extend(path for path, is_said in said.items() if is_said)
    if not request.update_mask.paths:
        raise click.UsageError("say what changes, for example --field host=db2")
    saved = session.api.assets.UpdateConnection(request).connection
    session.made(VIEW, saved, f"connection {name} is saved")


def _given(pairs: tuple[str, ...]) -> dict[str, Any]:
    return parameters.parse(pairs, types=dict)


def _secrets(file: Path | None, from_stdin: bool) -> Mapping[str, Any]:
    if file is None and not from_stdin:
        return {}
    if file is None and sys.stdin.isatty():
        raise click.UsageError("pipe a JSON object into it, or use --secrets-file FILE")
    text = secret.given(file=file, from_stdin=from_stdin, what="Secrets", option="secrets")
    return parameters.as_object(text, option="--secrets-file")
