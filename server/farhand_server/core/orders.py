"""What a worker is told of an attempt that it holds: at once, and again after every Hello."""

from farhand_server.core.context import Context
from farhand_server.core.effects import Effect, Send
from farhand_server.model import frames
from farhand_server.model.identifiers import SessionId
from farhand_server.model.job import Job, JobStatus


def due(job: Job, session: SessionId) -> list[Effect]:
    """What is still to be carried out by the worker of this session."""
    match job.status:
        case JobStatus.STOPPING:
            return [stop(job, session)]
        case JobStatus.SUSPENDING:
            return [Send(session=session, frame=frames.Freeze(job=job.id, attempt=job.attempt))]
        case JobStatus.RESUMING:
            return [Send(session=session, frame=frames.Thaw(job=job.id, attempt=job.attempt))]
    return []


def tell(job: Job, ctx: Context) -> list[Effect]:
    """`due`, if the job's worker is in contact."""
    session = ctx.live.of_worker(job.worker) if job.worker is not None else None
    return due(job, session.id) if session is not None else []


def stop(job: Job, session: SessionId) -> Send:
    """End it, and everything that it started."""
    return Send(
        session=session,
        frame=frames.Stop(job=job.id, attempt=job.attempt, grace_ms=job.stop_grace_ms),
    )
