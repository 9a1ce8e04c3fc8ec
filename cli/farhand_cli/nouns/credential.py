"""farhand credential: users and their passwords."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farhand_cli import secret, wire
from farhand_cli.asset_verbs import add_verbs, secret_options
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.table import Column
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.asset_pb2 import Credential

_NAME: Column["Credential"] = Column("NAME", lambda credential, _: credential.name)
_USER: Column["Credential"] = Column("USER", lambda credential, _: credential.user_name)
_CHANGED: Column["Credential"] = Column("CHANGED", lambda it, manner: manner.time(it.modify_time))
_DESCRIPTION: Column["Credential"] = Column("DESCRIPTION", lambda it, _: it.description or "-")
VIEW: View["Credential"] = View(
    name=lambda credential: credential.name,
    columns=(_NAME, _USER, _CHANGED, _DESCRIPTION),
    card=(
        *(_NAME, _USER, _DESCRIPTION),
        Column("CREATED", lambda credential, manner: manner.time(credential.create_time)),
        _CHANGED,
    ),
)


@click.group
def credential() -> None:
    """Credentials: users and their passwords, which only jobs can read."""


add_verbs(credential, VIEW, empty="farhand credential create NAME --user USER")


@credential.command("create")
@click.argument("name", metavar="NAME")
@click.option("--user", required=True, metavar="USER", help=r"user, domain\user or user@domain.")
@secret_options("password")
@click.option("--description", default="", metavar="TEXT", help="For people.")
@answers
@pass_session
def create(
    session: Session,
    name: str,
    user: str,
    password_stdin: bool,
    password_file: Path | None,
    description: str,
) -> None:
    """Make a credential; its password is asked for, or read.

    \b
    farhand credential create deploy --user deploy
    farhand credential create deploy --user 'corp\\deploy' --password-file /run/secrets/deploy
    """
    password = _password(password_stdin, password_file)
    wanted = wire.asset.Credential(name=name, user_name=user, description=description)
    request = wire.asset.CreateCredentialRequest(credential=wanted, password=password)
    made = session.api.assets.CreateCredential(request).credential
    session.made(VIEW, made, f"credential {name} is made")


@credential.command("set")
@click.argument("name", metavar="CREDENTIAL")
@click.option("--user", metavar="USER", help=r"user, domain\user or user@domain.")
@click.option("--password", "ask", is_flag=True, help="Ask for a new password.")
@secret_options("password")
@click.option("--description", metavar="TEXT", help="For people.")
@answers
@pass_session
def set_(
    session: Session,
    name: str,
    user: str | None,
    ask: bool,
    password_stdin: bool,
    password_file: Path | None,
    description: str | None,
) -> None:
    """Change a credential; jobs that run read it as it is from now on."""
    wanted = wire.asset.Credential(name=name, user_name=user or "", description=description or "")
    request = wire.asset.UpdateCredentialRequest(credential=wanted)
    given = {"user_name": user, "description": description}
    request.update_mask.paths.extend(path for path, value in given.items() if value is not None)
    if ask or password_stdin or password_file:
        request.password = _password(password_stdin, password_file)
        request.update_mask.paths.append("password")
    if not request.update_mask.paths:
        raise click.UsageError("say what changes, for example --password")
    saved = session.api.assets.UpdateCredential(request).credential
    session.made(VIEW, saved, f"credential {name} is saved")


def _password(from_stdin: bool, file: Path | None) -> str:
    return secret.given(file=file, from_stdin=from_stdin, what="Password", option="password")
