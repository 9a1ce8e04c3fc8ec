"""Things that a caller names, within the caller's account."""

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.errors import JobNotFound
from farhand_server.model.job import Job, JobStatus


def find_job(
    event: on.StopJob | on.SuspendJob | on.ResumeJob | on.ForceCloseJob | on.Explain, ctx: Context
) -> Job:
    """A job of the caller's account. Raises JobNotFound."""
    job = ctx.tx.job(event.job)
    if job is None or job.account != event.by.account or job.status is JobStatus.REMOVING:
        raise JobNotFound(f"no job {event.job}", do="see: farhand job list")
    return job
