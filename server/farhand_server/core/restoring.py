"""After a restore from a backup the rows tell of an earlier time than the workers do.

A worker's first Hello may show any session number. Nothing is dispatched until every worker that
the backup knows has reported, or an operator gives up waiting: what looks like a job that waits
may be running somewhere.
"""

from collections.abc import Sequence
from dataclasses import replace

from farhand_server.core import dispatch
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect, Notice
from farhand_server.model import frames
from farhand_server.model.identifiers import AccountId, WorkerId
from farhand_server.model.worker import Worker

#: Attempts of one job that the lost time may have granted.
LOST_ATTEMPTS = 1_000
#: Workers that a sentence names.
NAMED = 5


def begin(ctx: Context) -> None:
    """What the rows say of the last restore."""
    live = ctx.live
    live.begun = ctx.now.instant
    live.generation = ctx.tx.generation()
    if live.generation.number:
        ctx.tx.set_aside(LOST_ATTEMPTS)
        for worker in ctx.tx.unreported():
            live.unreported.setdefault(worker.account, {})[worker.id] = worker.name


def has_reported(worker: Worker, ctx: Context) -> bool:
    """Whether it said in this generation what it runs."""
    return worker.generation >= ctx.live.generation.number


def reported(worker: Worker, hello: frames.Hello, ctx: Context) -> Worker:
    """The worker after its Hello. One that may lack an attempt is still waited for."""
    if has_reported(worker, ctx) or not hello.journal_id:
        return worker
    return replace(worker, generation=ctx.live.generation.number)


def bequeath(worker: Worker, heir: WorkerId, ctx: Context) -> int:
    """Another worker takes its place, most likely the same machine: what that one runs is waited
    for as this one's was. The generation in which the heir has reported."""
    waited_for = ctx.live.unreported.get(worker.account, {})
    if worker.id not in waited_for:
        return ctx.live.generation.number
    waited_for[heir] = worker.name
    return worker.generation


def forget(worker: WorkerId, ctx: Context) -> list[Effect]:
    """This worker is waited for no longer: it has reported, or is gone."""
    for account, waited_for in ctx.live.unreported.items():
        if waited_for.pop(worker, None) is not None and not waited_for:
            return _resume(account, ctx, "every worker has reported since the restore")
    return []


def release(event: on.ReleaseDispatch, ctx: Context) -> list[Effect]:
    """An operator gives up waiting."""
    answer = Answer(call=event.call, value=None)
    if event.by.account not in ctx.live.unreported:
        return [answer]
    ctx.tx.release(event.by.account)
    text = f"{event.by.name} released dispatch before every worker had reported"
    return [*_resume(event.by.account, ctx, text), answer]


def sentence(names: Sequence[str]) -> str:
    """Why nothing is dispatched while these workers are waited for."""
    some = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return (
        "dispatch is paused: this control plane was restored from a backup, and "
        f"{len(names)} worker(s) have not reported what they run ({some})"
    )


def _resume(account: AccountId, ctx: Context, text: str) -> list[Effect]:
    del ctx.live.unreported[account]
    effects: list[Effect] = [Notice(text=text, fields={"account": ctx.tx.account(account).name})]
    for group in list(ctx.live.queues):
        effects += dispatch.dispatch(group, ctx)
    return effects
