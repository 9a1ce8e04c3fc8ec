"""Hybrid worker groups: made by hand or by the first worker that joins."""

from dataclasses import replace

from farhand_server.core import assets
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.errors import GroupExists, GroupNotFound, InUse
from farhand_server.model.asset import AssetKind
from farhand_server.model.identifiers import AccountId
from farhand_server.model.worker import Group


def create(event: on.CreateGroup, ctx: Context) -> list[Effect]:
    if ctx.tx.group(event.by.account, event.name) is not None:
        raise GroupExists(
            f'hybrid worker group "{event.name}" exists already', do="see: farhand group list"
        )
    group = ctx.tx.add_group(event.by.account, event.name, ctx.now.unix_ms)
    return [Answer(call=event.call, value=group)]


def update(event: on.UpdateGroup, ctx: Context) -> list[Effect]:
    """Jobs that are started from now on get it; those that wait keep what they have."""
    group = find(event.by.account, event.name, ctx)
    if event.run_as is not None:
        if event.run_as:
            assets.find(group.account, AssetKind.CREDENTIAL, event.run_as, ctx)
        group = replace(group, run_as=event.run_as)
        ctx.tx.save_group(group)
    return [Answer(call=event.call, value=group)]


def user(group: Group, ctx: Context) -> str:
    """As whom a job that is started now runs; empty: as the user of the agent."""
    if not group.run_as:
        return ""
    credential = assets.find(group.account, AssetKind.CREDENTIAL, group.run_as, ctx)
    return str(credential.values["user_name"])


def delete(event: on.DeleteGroup, ctx: Context) -> list[Effect]:
    """Only when every worker has been removed and no job waits."""
    group = find(event.by.account, event.name, ctx)
    members = ctx.tx.members(group.id)
    if members:
        raise InUse(
            f'hybrid worker group "{group.name}" still has {len(members)} worker(s)',
            why=", ".join(worker.name for worker in members[:3]),
            do="remove them first: farhand worker delete NAME",
        )
    if ctx.tx.has_jobs(runbook="", group=group.id, account=group.account):
        raise InUse(
            f'hybrid worker group "{group.name}" has jobs that are not over',
            do=f"stop them first: farhand job list --group {group.name}",
        )
    ctx.tx.delete_group(group.id)
    return [Answer(call=event.call, value=None)]


def find(account: AccountId, name: str, ctx: Context) -> Group:
    """A group of the account. Raises GroupNotFound."""
    group = ctx.tx.group(account, name)
    if group is None:
        raise GroupNotFound(f'no hybrid worker group "{name}"', do="see: farhand group list")
    return group
