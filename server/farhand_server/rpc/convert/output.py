"""Output as it is shown."""

from farhand_server.rpc.convert.moments import timestamp
from farhand_server.rpc.output import Gap, Record, Wanted
from farhand_wire.spool import Kind
from farhand_wire.v1 import job_pb2


def wanted(request: job_pb2.ReadJobOutputRequest | job_pb2.FollowJobOutputRequest) -> Wanted:
    """The numbers of streams and of spool kinds are the same."""
    return Wanted(raw=request.raw, streams=frozenset(Kind(stream) for stream in request.streams))


def record(item: Record) -> job_pb2.OutputRecord:
    wire = job_pb2.OutputRecord(
        stream=job_pb2.JobStream.Name(item.stream.value),
        next=job_pb2.OutputPosition(attempt=item.attempt, offset=item.next),
        time=timestamp(item.time),
    )
    if isinstance(item.content, bytes):
        wire.data = item.content
    else:
        wire.text = item.content
    return wire


def omitted(gap: Gap) -> job_pb2.OutputOmitted:
    return job_pb2.OutputOmitted(
        stream=None if gap.stream is None else job_pb2.JobStream.Name(gap.stream.value),
        from_offset=gap.start,
        to_offset=gap.end,
        reason=gap.reason,
        next=job_pb2.OutputPosition(attempt=gap.attempt, offset=gap.next),
    )
