"""farhand account: what the automation account decides for everything in it."""

from typing import TYPE_CHECKING

import click

from farhand_cli import delivery, wire
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.table import Column
from farhand_cli.verb import answers, pass_session

if TYPE_CHECKING:
    from farhand_wire.v1.account_pb2 import GetAccountResponse as Account

_FIELDS: tuple[Column["Account"], ...] = (
    Column("ACCOUNT", lambda account, _: account.account),
    Column("YOU ARE", lambda account, _: account.caller),
    Column("SERVER", lambda account, _: account.server_version),
    Column("DELIVERY", lambda account, _: delivery.word(account.delivery)),
)
VIEW: View["Account"] = View(name=lambda account: account.account, columns=_FIELDS, card=_FIELDS)


@click.group
def account() -> None:
    """The automation account: what it decides for everything in it."""


@account.command("show")
@answers
@pass_session
def show(session: Session) -> None:
    """The account of the token in use."""
    session.show(VIEW, session.api.account.GetAccount(wire.account.GetAccountRequest()))


@account.command("set")
@click.option("--delivery", "chosen", type=delivery.CHOICE, required=True)
@answers
@pass_session
def set_(session: Session, chosen: str) -> None:
    """Change what jobs get whose runbook says nothing else.

    at-most-once: a job that may have run is never started again by itself. at-least-once: it is,
    three times in all, as in Azure.
    """
    request = wire.account.UpdateAccountRequest(delivery=delivery.named(chosen))
    session.api.account.UpdateAccount(request)
    session.note(f"jobs that are started from now on are delivered {chosen}")
