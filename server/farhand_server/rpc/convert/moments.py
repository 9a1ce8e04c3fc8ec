"""Moments: milliseconds here, Timestamps on the wire."""

from google.protobuf.timestamp_pb2 import Timestamp

from farhand_server.model.clock import UnixMs


def timestamp(moment: UnixMs | None) -> Timestamp | None:
    """None stays absent."""
    if moment is None:
        return None
    seconds, rest = divmod(moment, 1000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000_000)
