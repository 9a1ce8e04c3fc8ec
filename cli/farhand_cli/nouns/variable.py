"""farhand variable: values that runbooks share."""

import json
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
    from farhand_wire.v1.asset_pb2 import Variable


def _value(variable: "Variable") -> str:
    if variable.encrypted:
        return "(encrypted)"
    return json.dumps(fields(variable)["value"], ensure_ascii=False)


_NAME: Column["Variable"] = Column("NAME", lambda variable, _: variable.name)
_VALUE: Column["Variable"] = Column("VALUE", lambda variable, _: _value(variable))
_CHANGED: Column["Variable"] = Column("CHANGED", lambda it, manner: manner.time(it.modify_time))
_DESCRIPTION: Column["Variable"] = Column("DESCRIPTION", lambda it, _: it.description or "-")
VIEW: View["Variable"] = View(
    name=lambda variable: variable.name,
    columns=(_NAME, _VALUE, _CHANGED, _DESCRIPTION),
    card=(
        *(_NAME, _VALUE, _DESCRIPTION),
        Column("CREATED", lambda variable, manner: manner.time(variable.create_time)),
        _CHANGED,
    ),
)


@click.group
def variable() -> None:
    """Variables: values that runbooks share, of any JSON type.

    An encrypted one is readable in jobs only. A value is JSON if it parses as JSON, else text.
    """


add_verbs(variable, VIEW, empty="farhand variable create NAME VALUE")


@variable.command("create")
@click.argument("name", metavar="NAME")
@click.argument("value", metavar="[VALUE]", required=False)
@click.option("--encrypted", is_flag=True, help="Seal it: readable in jobs only.")
@secret_options("value")
@click.option("--description", default="", metavar="TEXT", help="For people.")
@answers
@pass_session
def create(
    session: Session,
    name: str,
    value: str | None,
    encrypted: bool,
    value_stdin: bool,
    value_file: Path | None,
    description: str,
) -> None:
    """Make a variable. The value of an encrypted one is asked for, or read.

    \b
    farhand variable create retries 5
    farhand variable create api-key --encrypted
    pass show api-key | farhand variable create api-key --encrypted --value-stdin
    """
    if encrypted and value is not None:
        raise click.UsageError("every process can read arguments: leave the value out")
    wanted = wire.asset.Variable(name=name, description=description, encrypted=encrypted)
    _put(wanted, _given(value, value_stdin, value_file))
    request = wire.asset.CreateVariableRequest(variable=wanted)
    made = session.api.assets.CreateVariable(request).variable
    session.made(VIEW, made, f"variable {name} is made")


@variable.command("set")
@click.argument("name", metavar="VARIABLE")
@click.argument("value", metavar="[VALUE]", required=False)
@secret_options("value")
@click.option("--description", metavar="TEXT", help="For people.")
@answers
@pass_session
def set_(
    session: Session,
    name: str,
    value: str | None,
    value_stdin: bool,
    value_file: Path | None,
    description: str | None,
) -> None:
    """Change a variable; jobs that run read the new value from now on."""
    request = wire.asset.UpdateVariableRequest()
    request.variable.name = name
    if description is not None:
        request.variable.description = description
        request.update_mask.paths.append("description")
    if description is None or value is not None or value_stdin or value_file:
        if value is not None and _is_encrypted(session, name):
            raise click.UsageError("it is encrypted, and every process can read arguments")
        _put(request.variable, _given(value, value_stdin, value_file))
        request.update_mask.paths.append("value")
    saved = session.api.assets.UpdateVariable(request).variable
    session.made(VIEW, saved, f"variable {name} is saved")


def _is_encrypted(session: Session, name: str) -> bool:
    request = wire.asset.GetVariableRequest(name=name)
    return session.api.assets.GetVariable(request).variable.encrypted


def _given(value: str | None, from_stdin: bool, file: Path | None) -> Any:
    if value is not None and (from_stdin or file):
        raise click.UsageError("the value is given twice")
    text = value
    if text is None:
        text = secret.given(file=file, from_stdin=from_stdin, what="Value", option="value")
    return parameters.value("VALUE", text)


def _put(variable: "Variable", value: Any) -> None:
    from google.protobuf.json_format import ParseDict

    ParseDict(value, variable.value)
