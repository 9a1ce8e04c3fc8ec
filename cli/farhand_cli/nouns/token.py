"""farhand token: registration tokens, which let machines join one group."""

import ipaddress
import sys
from typing import TYPE_CHECKING

import click

from farhand_cli import wire
from farhand_cli.api import pages
from farhand_cli.durations import seconds
from farhand_cli.session import Session
from farhand_cli.show import Format, View, fields
from farhand_cli.table import Cell, Column, Manner
from farhand_cli.verb import answers, pass_session
from farhand_cli.words import Tone, count

if TYPE_CHECKING:
    from farhand_wire.v1.account_pb2 import RegistrationToken as Token


def _uses(token: "Token", _: Manner) -> Cell:
    if token.revoked:
        return Cell("revoked", Tone.IDLE)
    return Cell(f"{token.uses_left:,} of {token.uses:,} left")


_COLUMNS: tuple[Column["Token"], ...] = (
    Column("TOKEN", lambda token, _: token.token_id),
    Column("GROUP", lambda token, _: token.group),
    Column("USES", _uses),
    Column("UNTIL", lambda token, manner: manner.until(token.expire_time)),
    Column("NETWORKS", lambda token, _: ", ".join(token.cidrs) or "anywhere"),
)
VIEW: View["Token"] = View(name=lambda token: token.token_id, columns=_COLUMNS, card=_COLUMNS)


def network(text: str) -> str:
    """A network in CIDR notation. Raises click.BadParameter."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group
def token() -> None:
    """Registration tokens: each lets machines join one group."""


@token.command("create")
@click.option("--group", required=True, metavar="GROUP", help="The group that machines join.")
@click.option("--ttl", type=seconds, metavar="D", help="Its life: 15m, 1h (default), 7d.")
@click.option("--uses", type=click.IntRange(1), help="Machines that may use it (1).")
@click.option("--cidr", type=network, multiple=True, metavar="C", help="Only from there.")
@answers
@pass_session
def create(
    session: Session, group: str, ttl: int | None, uses: int | None, cidr: tuple[str, ...]
) -> None:
    """Print the line that makes a machine join a group. The secret is shown once.

    \b
    farhand token create --group dc1
    farhand token create --group dc1 --uses 50 --ttl 1d --cidr 10.0.0.0/8
    farhand token create --group dc1 -o json | jq -r .command
    """
    request = wire.account.CreateRegistrationTokenRequest(group=group, uses=uses or 0, cidrs=cidr)
    if ttl is not None:
        request.ttl.FromSeconds(ttl)
    answer = session.api.account.CreateRegistrationToken(request)
    if session.format is Format.NAME:
        click.echo(answer.registration_token.token_id)
    elif session.format is not Format.TABLE:
        session.document(fields(answer))
    else:
        click.echo(answer.command)
        made = answer.registration_token
        until = session.manner(sys.stderr).until(made.expire_time)
        session.note(
            f"{count(made.uses, 'use')}, until {until}. "
            f"See it arrive: farhand worker list --group {made.group}"
        )


@token.command("list")
@answers
@pass_session
def list_(session: Session) -> None:
    """Tokens, newest first; never their secrets."""
    found = pages(
        lambda page: session.api.account.ListRegistrationTokens(
            wire.account.ListRegistrationTokensRequest(page_token=page)
        )
    )
    session.show_all(
        VIEW,
        (each for page in found for each in page.registration_tokens),
        empty="no registration tokens: farhand token create --group NAME",
    )


@token.command("revoke")
@click.argument("token_id", metavar="TOKEN")
@answers
@pass_session
def revoke(session: Session, token_id: str) -> None:
    """Let no more machines join with a token; those that joined stay."""
    session.api.account.RevokeRegistrationToken(
        wire.account.RevokeRegistrationTokenRequest(token_id=token_id)
    )
    session.note(f"token {token_id} is revoked")
