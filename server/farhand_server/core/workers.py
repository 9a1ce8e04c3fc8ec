"""Workers, as operators manage them."""

from farhand_server.core import conflicts, parties, sessions
from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect, EndSession, Notice
from farhand_server.core.leaving import leave
from farhand_server.errors import WorkerNotFound
from farhand_server.model.worker import Worker


def delete(event: on.DeleteWorker, ctx: Context) -> list[Effect]:
    """Revokes its key and ends its session."""
    worker = _find(event, ctx)
    effects = leave(worker.id, force=event.force, ctx=ctx)
    return [*effects, Answer(call=event.call, value=None)]


def resume(event: on.ResumeWorker, ctx: Context) -> list[Effect]:
    """Lets a worker back in: the party that an operator names, or one that was held back."""
    worker = _find(event, ctx)
    effects: list[Effect] = []
    if event.machine:
        worker = conflicts.decide(worker, event.machine)
        ctx.tx.save_worker(worker)
        effects = _part(worker, event, ctx)
    elif worker.is_disputed:
        raise parties.undecided(worker)
    ctx.faults.pardon(worker.id)
    return [*effects, Answer(call=event.call, value=worker)]


def resigned(event: on.Resigned, ctx: Context) -> list[Effect]:
    """It leaves by itself; one that is gone already has left."""
    effects = leave(event.worker, force=event.force, ctx=ctx)
    return [*effects, Answer(call=event.call, value=None)]


def _part(worker: Worker, event: on.ResumeWorker, ctx: Context) -> list[Effect]:
    """The log has it, and a session of another party than the chosen one ends."""
    notice = Notice(
        text="an operator decided who keeps an identity",
        fields={"worker": worker.name, "machine": event.machine, "by": event.by.name},
    )
    session = ctx.live.of_worker(worker.id)
    if session is None or worker.chosen is None:
        return [notice]
    refusal = conflicts.rejection(worker)
    end = EndSession(session=session.id, reason=refusal.message, refusal=refusal)
    return [notice, end, *sessions.close(session, ctx)]


def _find(event: on.DeleteWorker | on.ResumeWorker, ctx: Context) -> Worker:
    worker = ctx.tx.worker_named(event.by.account, event.name)
    if worker is None:
        raise WorkerNotFound(f'no worker "{event.name}"', do="see: farhand worker list")
    return worker
