"""Workers, as operators manage them."""

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.core.leaving import leave
from farhand_server.errors import WorkerNotFound


def delete(event: on.DeleteWorker, ctx: Context) -> list[Effect]:
    """Revokes its key and ends its session."""
    worker = ctx.tx.worker_named(event.by.account, event.name)
    if worker is None:
        raise WorkerNotFound(f'no worker "{event.name}"', do="see: farhand worker list")
    effects = leave(worker.id, force=event.force, ctx=ctx)
    return [*effects, Answer(call=event.call, value=None)]


def resigned(event: on.Resigned, ctx: Context) -> list[Effect]:
    """It leaves by itself; one that is gone already has left."""
    effects = leave(event.worker, force=event.force, ctx=ctx)
    return [*effects, Answer(call=event.call, value=None)]
