"""farhand account: what it decides for everything in it, and what holds all of it up."""

from typing import TYPE_CHECKING

import click

from farhand_cli import delivery, wire
from farhand_cli.session import Session
from farhand_cli.show import Format, View
from farhand_cli.table import Cell, Column
from farhand_cli.verb import answers, pass_session
from farhand_cli.words import Tone

if TYPE_CHECKING:
    from farhand_wire.v1.account_pb2 import GetAccountResponse as Account


def _dispatch(account: "Account") -> Cell:
    return Cell("! paused", Tone.WARN) if account.dispatch_paused else Cell("* on", Tone.GOOD)


_FIELDS: tuple[Column["Account"], ...] = (
    Column("ACCOUNT", lambda account, _: account.account),
    Column("YOU ARE", lambda account, _: account.caller),
    Column("SERVER", lambda account, _: account.server_version),
    Column("DELIVERY", lambda account, _: delivery.word(account.delivery)),
    Column("GRANTS", lambda account, _: "listed" if account.grants_listed_only else "all"),
    Column("DISPATCH", lambda account, _: _dispatch(account)),
    Column("RESTORED", lambda account, manner: manner.time(account.restore_time)),
    Column("UNREPORTED", lambda account, _: ", ".join(account.unreported_workers)),
)
VIEW: View["Account"] = View(name=lambda account: account.account, columns=_FIELDS, card=_FIELDS)


@click.group
def account() -> None:
    """The automation account: what it decides for everything in it."""


@account.command("show")
@answers
@pass_session
def show(session: Session) -> None:
    """The account of the token in use, and whether its jobs are dispatched."""
    found = session.api.account.GetAccount(wire.account.GetAccountRequest())
    session.show(VIEW, found)
    if found.dispatch_paused and session.format is Format.TABLE:
        session.note(
            "restored from a backup: jobs wait until these workers have reported what they run. "
            "Start their agents, delete workers that are gone, or: farhand account release"
        )


@account.command("set")
@click.option("--delivery", "chosen", type=delivery.CHOICE)
@click.option("--grants", type=click.Choice(("all", "listed")), help="What runbooks may use.")
@answers
@pass_session
def set_(session: Session, chosen: str | None, grants: str | None) -> None:
    """Change what jobs get whose runbook says nothing else.

    --delivery at-most-once: a job that may have run is never started again by itself.
    at-least-once: it is, three times in all, as in Azure.

    --grants all: a runbook without a list of grants may use every asset of the account, as in
    Azure. listed: it may use none, and start no children.
    """
    own = delivery.named(chosen) if chosen else None
    request = wire.account.UpdateAccountRequest(delivery=own)
    if grants is not None:
        request.grants_listed_only = grants == "listed"
    session.api.account.UpdateAccount(request)
    if chosen is not None:
        session.note(f"jobs that are started from now on are delivered {chosen}")
    if grants is not None:
        words = "nothing" if request.grants_listed_only else "everything"
        session.note(f"runbooks without a list of grants may use {words} of the account")


@account.command("release")
@answers
@pass_session
def release(session: Session) -> None:
    """Dispatch jobs although workers have not reported since a restore.

    What such a worker runs may then run a second time somewhere else.
    """
    session.api.account.ReleaseDispatch(wire.account.ReleaseDispatchRequest())
    session.note("jobs are dispatched")
