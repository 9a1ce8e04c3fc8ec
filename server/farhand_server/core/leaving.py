"""A worker goes: by itself or by an operator's hand. Its key is worth nothing from then on."""

from farhand_server.core import dispatch, fates, restoring
from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, EndSession
from farhand_server.errors import InUse
from farhand_server.model.identifiers import WorkerId


def leave(worker: WorkerId, *, force: bool, ctx: Context) -> list[Effect]:
    """Removes a worker. Raises InUse while it runs jobs, unless forced."""
    serving = ctx.tx.served_by(worker)
    if serving and not force:
        raise InUse(
            f"the worker still runs {len(serving)} job(s)",
            why=", ".join(job.id for job in serving[:3]),
            do="wait for them, stop them, or add --force: their outcome is then unknown",
        )
    ctx.tx.delete_worker(worker)
    ctx.live.forget_absence(worker)
    ctx.live.greeted.pop(worker, None)
    ctx.faults.pardon(worker)
    effects: list[Effect] = []
    session = ctx.live.of_worker(worker)
    if session is not None:
        effects.append(EndSession(session=session.id, reason="the worker was removed"))
        effects += dispatch.drop(session, ctx)
    # From here on no job can be given to it again.
    for job in serving:
        why = f"worker {job.worker_name} was removed"
        effects += fates.unreported(job, ctx, why=why, over=False)
    return [*effects, *restoring.forget(worker, ctx)]
