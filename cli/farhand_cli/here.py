"""Where am I: what `farhand` says when it is asked for nothing."""

from typing import TYPE_CHECKING

import click

from farhand_cli import wire
from farhand_cli.api import pages
from farhand_cli.session import Session
from farhand_cli.show import Format, fields
from farhand_cli.words import plain

if TYPE_CHECKING:
    from farhand_wire.v1.hybrid_worker_group_pb2 import HybridWorkerGroup


def tell(session: Session) -> None:
    """One line: the server, the caller, what is going on, each group."""
    account = session.api.account.GetAccount(wire.account.GetAccountRequest())
    groups = [
        group
        for page in pages(
            lambda token: session.api.groups.ListHybridWorkerGroups(
                wire.hybrid_worker_group.ListHybridWorkerGroupsRequest(page_token=token)
            )
        )
        for group in page.groups
    ]
    if session.format is Format.NAME:
        click.echo(session.target.server)
    elif session.format is not Format.TABLE:
        told = {"server": session.target.server, **fields(account)}
        session.document({**told, "groups": [fields(group) for group in groups]})
    else:
        running = sum(group.slots_used for group in groups)
        queued = sum(group.jobs_waiting for group in groups)
        parts = [
            f"{session.target.server} as {account.caller}, account {account.account}",
            f"{running:,} running, {queued:,} queued",
            "  ".join(_group(group) for group in groups) or "no groups yet",
        ]
        click.echo(plain(" | ".join(parts)))
        if account.dispatch_paused:
            session.note("dispatch is paused: farhand account show")
        session.note("commands: farhand --help")


def _group(group: "HybridWorkerGroup") -> str:
    """`dc1 6/7`, marked when nobody there can take a job."""
    mark = "" if group.workers_online else " !"
    return f"{group.name} {group.workers_online}/{group.workers}{mark}"
