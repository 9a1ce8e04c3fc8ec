"""Output as it is shown."""

from farhand_server.model.job import Job
from farhand_server.model.output import Missing
from farhand_server.model.receipt import Receipt
from farhand_server.rpc.convert.moments import timestamp
from farhand_server.rpc.output import Gap, Record, Wanted
from farhand_wire.spool import Kind
from farhand_wire.v1 import job_pb2

#: Shown of every job.
_ALWAYS = frozenset({Kind.OUTPUT, Kind.ERROR, Kind.WARNING})


def wanted(
    request: job_pb2.ReadJobOutputRequest | job_pb2.FollowJobOutputRequest, job: Job
) -> Wanted:
    """The numbers of streams and of spool kinds are the same."""
    named = frozenset(Kind(stream) for stream in request.streams)
    return Wanted(
        raw=request.raw,
        streams=named or shown(job),
        records=request.records,
        first=getattr(request, "from").sequence,
    )


def shown(job: Job) -> frozenset[Kind]:
    """To whoever names no stream: as Azure does it, where Debug is never among them."""
    verbose = {Kind.VERBOSE} if job.log_verbose else set()
    progress = {Kind.PROGRESS} if job.log_progress else set()
    return _ALWAYS | verbose | progress


def record(item: Record, version: int) -> job_pb2.OutputRecord:
    """`version` is the runbook's."""
    wire = job_pb2.OutputRecord(
        stream=job_pb2.JobStream.Name(item.stream.value),
        next=job_pb2.OutputPosition(attempt=item.attempt, offset=item.next),
        time=timestamp(item.time),
        sequence=item.sequence,
        runbook_version=version,
        record_count=item.count,
    )
    if isinstance(item.content, bytes):
        wire.data = item.content
    else:
        wire.text = item.content
    return wire


def omitted(gap: Gap) -> job_pb2.OutputOmitted:
    wire = missing(gap.missing)
    wire.next.CopyFrom(job_pb2.OutputPosition(attempt=gap.attempt, offset=gap.next))
    return wire


def missing(range_: Missing) -> job_pb2.OutputOmitted:
    return job_pb2.OutputOmitted(
        stream=None if range_.stream is None else job_pb2.JobStream.Name(range_.stream.value),
        from_offset=range_.start,
        to_offset=range_.end,
        reason=range_.reason,
    )


def receipt(made: Receipt) -> job_pb2.JobReceipt:
    return job_pb2.JobReceipt(
        attempt=made.attempt,
        streams=[
            job_pb2.StreamReceipt(
                stream=job_pb2.JobStream.Name(each.stream.value),
                lines=each.lines,
                bytes=each.bytes,
                sha256=each.sha256,
            )
            for each in made.streams
        ],
        spool_bytes=made.spool_bytes,
        verified=made.verified,
        why=made.why,
        missing=[missing(range_) for range_ in made.missing],
    )
