"""What a script said last on its Error stream before it failed: the first thing that people ask."""

from farhand_server.model.job import Job, JobStatus
from farhand_server.model.output import SpoolId
from farhand_server.rpc.backend import Backend
from farhand_server.rpc.output import Reader, Record, Wanted
from farhand_wire import limits
from farhand_wire.spool import Kind

#: So much of the end of the spool is looked at; what is followed by more is not the last word.
_LOOK_BYTES = 1024 * 1024


async def exception(backend: Backend, job: Job) -> str:
    """The last lines, EXCEPTION_CHARACTERS at most; "" of a job that did not fail by itself."""
    if job.status is not JobStatus.FAILED or job.end is None or job.end.reason is not None:
        return ""
    extent = await backend.desk.extent(SpoolId(job=job.id, attempt=job.attempt))
    start = max(extent.stored - _LOOK_BYTES, extent.omitted_to, 0)
    wanted = Wanted(streams=frozenset({Kind.ERROR}))
    reader = Reader(backend, job.id, wanted, attempt=job.attempt, offset=start)
    text = ""
    async for item in reader.drain():
        if isinstance(item, Record):
            text = (text + str(item.content))[-2 * limits.EXCEPTION_CHARACTERS :]
    kept = text.rstrip("\n")[-limits.EXCEPTION_CHARACTERS :]
    # A line that was cut is not shown, unless it is the only one.
    return kept if len(kept) == len(text.rstrip("\n")) else kept.partition("\n")[2] or kept
