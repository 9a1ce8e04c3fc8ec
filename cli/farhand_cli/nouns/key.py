"""farhand key: the account's keys, as Azure's Manage Keys."""

from typing import TYPE_CHECKING

import click

from farhand_cli import wire
from farhand_cli.session import Session
from farhand_cli.show import Format, View
from farhand_cli.table import Column
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.account_pb2 import GetAccountKeysResponse as Keys

_FIELDS: tuple[Column["Keys"], ...] = (
    Column("ENDPOINT", lambda keys, _: keys.endpoint),
    Column("PRIMARY", lambda keys, _: keys.primary_key),
    Column("SECONDARY", lambda keys, _: keys.secondary_key),
    Column("CA SHA-256", lambda keys, _: keys.ca_sha256),
)
VIEW: View["Keys"] = View(name=lambda keys: keys.endpoint, columns=_FIELDS, card=_FIELDS)


@click.group
def key() -> None:
    """The account's keys: with one of them a machine may join any group."""


@key.command("show")
@answers
@pass_session
def show(session: Session) -> None:
    """Endpoint and both keys. They are secrets."""
    session.show(VIEW, session.api.account.GetAccountKeys(wire.account.GetAccountKeysRequest()))


@key.command("regenerate")
@click.argument("slot", type=click.Choice(["primary", "secondary"]))
@answers
@pass_session
def regenerate(session: Session, slot: str) -> None:
    """Replace one key and print the new one; machines that joined with the old one stay."""
    request = wire.account.RegenerateAccountKeyRequest(slot=f"ACCOUNT_KEY_SLOT_{slot.upper()}")
    answer = session.api.account.RegenerateAccountKey(request)
    if session.format in (Format.TABLE, Format.NAME):
        click.echo(answer.key)
        session.note(f"the old {slot} key lets no machine join any more")
    else:
        session.document({"key": answer.key})
