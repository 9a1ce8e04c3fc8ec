"""Moments and spans: numbers here, Timestamps and Durations on the wire."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from farhand_server.model.clock import UnixMs


def timestamp(moment: UnixMs | None) -> Timestamp | None:
    """None stays absent."""
    if moment is None:
        return None
    seconds, rest = divmod(moment, 1000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000_000)


def duration(seconds: int) -> Duration | None:
    """0 stays absent."""
    return Duration(seconds=seconds) if seconds else None
